// [HOT] Which hashes were ever added: no false negatives, few false positives. Grows by layers, each four times the last.

const LAYER_BITS_LOG2_MIN = 16;
const LAYER_BITS_LOG2_MAX = 30;
/** A layer is full when it has one entry for so many bits: about 1 % false positives with four probes. */
const BITS_PER_ENTRY = 10;
const PROBE_STEP = 0x9e3779b1;

interface Layer {
  readonly words: Uint32Array;
  readonly shift: number;
  readonly entriesMax: number;
  entryCount: number;
}

/** A growing set of hashes, answered by "certainly not" or "perhaps". */
export class BloomFilter {
  readonly #layers: Layer[] = [];

  add(hash: number): void {
    let layer = this.#layers.at(-1);
    if (layer === undefined || layer.entryCount >= layer.entriesMax) {
      layer = makeLayer(Math.min(LAYER_BITS_LOG2_MAX, LAYER_BITS_LOG2_MIN + 2 * this.#layers.length));
      this.#layers.push(layer);
    }
    layer.entryCount++;
    const { words, shift } = layer;
    const step = Math.imul(hash, PROBE_STEP) | 1;
    for (let probe = 0, at = hash; probe < 4; probe++, at = (at + step) | 0) {
      const bit = Math.imul(at, 0x85ebca6b) >>> shift;
      words[bit >>> 5] = (words[bit >>> 5] as number) | (1 << (bit & 31));
    }
  }

  mayHave(hash: number): boolean {
    const layers = this.#layers;
    for (let index = 0; index < layers.length; index++) {
      if (hasBits(layers[index] as Layer, hash)) return true;
    }
    return false;
  }

  get bytes(): number {
    let bytes = 0;
    for (const layer of this.#layers) bytes += layer.words.byteLength;
    return bytes;
  }
}

function makeLayer(bitsLog2: number): Layer {
  const bits = 2 ** bitsLog2;
  return {
    words: new Uint32Array(bits / 32),
    shift: 32 - bitsLog2,
    entriesMax: Math.floor(bits / BITS_PER_ENTRY),
    entryCount: 0,
  };
}

function hasBits(layer: Layer, hash: number): boolean {
  const { words, shift } = layer;
  const step = Math.imul(hash, PROBE_STEP) | 1;
  for (let probe = 0, at = hash; probe < 4; probe++, at = (at + step) | 0) {
    const bit = Math.imul(at, 0x85ebca6b) >>> shift;
    if (((words[bit >>> 5] as number) & (1 << (bit & 31))) === 0) return false;
  }
  return true;
}
