// Nexmark's bids as a program without an engine would make them: one function, all fields, the draws one after the other.
import type { Bid } from '../bid-batches.ts';

/** Of 50 events the first four are a person and auctions. */
export const BLOCK = 50;
export const FIRST_BID = 4;
export const BIDS_PER_BLOCK = BLOCK - FIRST_BID;
const FIRST_MS = 1_767_225_600_000;

const STEP = 0x9e3779b9;
const PER_WORD = 2 ** -32;
const OCTAVES_PER_WORD = 19.931568569324174 * PER_WORD;
const OCTAVES = Float64Array.from({ length: 20 }, (_, octave) => 100 * 2 ** octave);
const TEXT_OFFSETS = 65_536;
const TEXT_LONGEST = 1_024;
const CHANNELS = 10_000;
const HOT_CHANNELS = ['Google', 'Facebook', 'Baidu', 'Apple'];

function mix(value: number): number {
  let h = value | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

/** The bids of seed 1, those of `nexmarkBids`. */
export class BareBids {
  readonly #mixedSeed = mix(1);
  readonly #eventRate: number;
  readonly #text: string;
  readonly #channels: readonly string[];
  readonly #urls: readonly string[];

  constructor(eventRate: number) {
    this.#eventRate = eventRate;
    const below = this.#draws(-1);
    const codes = Buffer.alloc(TEXT_OFFSETS + TEXT_LONGEST);
    for (let index = 0; index < codes.length; index++) codes[index] = below(13) === 0 ? 32 : 97 + below(26);
    this.#text = codes.toString('latin1');
    this.#channels = [
      ...Array.from({ length: CHANNELS }, (_, channel) => `channel-${channel}`),
      ...HOT_CHANNELS,
    ];
    this.#urls = this.#channels.map((_, channel) => this.#url(channel));
  }

  /** The event at a place (from FIRST_BID) of a block. */
  bidAt(block: number, place: number): Bid {
    const number = block * BLOCK + place;
    let state = mix(this.#mixedSeed + number);
    const hot = Math.floor(block / 100) * 100;
    const last = 3 * block + 2;

    let word = mix((state += STEP)) >>> 0;
    const first = Math.max(last - 100, 0);
    const auction =
      (word & 1) === 0
        ? 1_000 + Math.floor(last / 100) * 100
        : 1_000 + first + Math.floor(word * (last + 11 - first) * PER_WORD);

    word = mix((state += STEP)) >>> 0;
    const active = Math.min(block + 1, 1_000);
    const bidder =
      (word & 3) !== 0
        ? 1_000 + hot + 1
        : 1_000 + block + 1 - active + Math.floor(word * (active + 10) * PER_WORD);

    const octaves = (mix((state += STEP)) >>> 0) * OCTAVES_PER_WORD;
    const octave = Math.floor(octaves);
    const f = octaves - octave;
    const price = Math.floor((OCTAVES[octave] as number) * (1 + f * (0.65625 + 0.34375 * f)));

    word = mix((state += STEP)) >>> 0;
    const channel = (word & 1) === 0 ? CHANNELS + (word >>> 30) : Math.floor(word * CHANNELS * PER_WORD);

    const length = 54 + Math.floor((mix((state += STEP)) >>> 0) * 28 * PER_WORD);
    const start = Math.floor((mix(state + STEP) >>> 0) * TEXT_OFFSETS * PER_WORD);
    return {
      auction,
      bidder,
      price,
      channel: this.#channels[channel] as string,
      url: this.#urls[channel] as string,
      dateTime: FIRST_MS + Math.floor((1_000 * number) / this.#eventRate),
      extra: this.#text.slice(start, start + length),
    };
  }

  #draws(event: number): (bound: number) => number {
    let state = mix(this.#mixedSeed + event);
    return (bound) => Math.floor((mix((state += STEP)) >>> 0) * bound * PER_WORD);
  }

  #url(channel: number): string {
    const below = this.#draws(-2 - channel);
    const part = (): string =>
      Array.from({ length: 3 + below(2) }, () =>
        below(13) === 0 ? '_' : String.fromCharCode(97 + below(26)),
      ).join('');
    const parts = [part(), part(), part()].join('/');
    const isBare = below(10) === 0 || channel >= CHANNELS;
    let reversed = 0;
    for (let bit = 0; bit < 32; bit++) reversed = (reversed << 1) | ((channel >>> bit) & 1);
    const id = isBare ? [] : ['&channel_id=', String(Math.abs(reversed))];
    return ['https://www.nexmark.com/', parts, '/item.htm?query=1', ...id].join('');
  }
}

/** Something of each field, so that all are made. */
export function digest(bid: Bid): number {
  return (
    bid.auction +
    bid.bidder +
    bid.price +
    (bid.dateTime - FIRST_MS) +
    bid.channel.length +
    bid.url.length +
    bid.extra.length
  );
}
