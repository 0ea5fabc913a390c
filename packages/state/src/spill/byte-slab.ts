// [HOT] Small byte strings cut from large buffers, so that one costs no buffer of its own.
import { ByteSink } from '@millrace/proto';

const SLAB_BYTES = 256 * 1024;

/** Contract: write into `sink`, then `cut`. What was cut never changes. */
export class ByteSlab {
  sink = new ByteSink(SLAB_BYTES);
  #start = 0;

  /** What was written since the last cut. */
  cut(): Buffer {
    const { sink } = this;
    const bytes = sink.bytes.subarray(this.#start, sink.position);
    this.#start = sink.position;
    if (sink.position > SLAB_BYTES >> 1) {
      this.sink = new ByteSink(SLAB_BYTES);
      this.#start = 0;
    }
    return bytes;
  }
}
