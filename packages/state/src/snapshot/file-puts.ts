// Puts files of a snapshot into the blob store while the next ones are made: waiting for a disk is not waiting for a processor.
import type { BlobStore } from '@millrace/common';
import { ByteSink } from '@millrace/proto';

/** Files on their way at once. */
const PUTS_MAX = 3;
const SINK_BYTES_INITIAL = 16 * 1024;
/** Memory that is touched for the first time costs more than what is written there: some is kept for the next snapshot. */
const SPARE_SINKS_MAX = 4;
const SPARE_BYTES_MAX = 16 * 1024 * 1024;
/** Of all backends of the thread. */
const spareSinks: ByteSink[] = [];

/** Contract: `settled` is awaited before a snapshot counts as written, or as failed. Bounds: PUTS_MAX files on their way. */
export class FilePuts {
  readonly #blobStore: BlobStore;
  readonly #underWay = new Set<Promise<void>>();
  #failure: { readonly error: unknown } | undefined;

  constructor(blobStore: BlobStore) {
    this.#blobStore = blobStore;
  }

  takeSink(): ByteSink {
    return spareSinks.pop() ?? new ByteSink(SINK_BYTES_INITIAL);
  }

  giveBack(sink: ByteSink): void {
    if (spareSinks.length >= SPARE_SINKS_MAX || sink.bytes.length > SPARE_BYTES_MAX) return;
    sink.reset();
    spareSinks.push(sink);
  }

  /** Begins to write what `sink` has, which is no longer the caller's. Resolves when another one may be begun. */
  async begin(name: string, sink: ByteSink): Promise<void> {
    const put = this.#put(name, sink);
    this.#underWay.add(put);
    void put.finally(() => this.#underWay.delete(put));
    while (this.#underWay.size >= PUTS_MAX) await Promise.race(this.#underWay);
    this.#throwFailure();
  }

  /** @throws what the first file that could not be written failed with */
  async settled(): Promise<void> {
    await Promise.all(this.#underWay);
    this.#throwFailure();
  }

  /** Never rejects: what fails is told to whoever asks next. */
  async #put(name: string, sink: ByteSink): Promise<void> {
    try {
      await this.#blobStore.put(name, sink.view());
      this.giveBack(sink);
    } catch (error) {
      // Who knows what a store that failed still does with the bytes: they are not used again.
      this.#failure ??= { error };
    }
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }
}
