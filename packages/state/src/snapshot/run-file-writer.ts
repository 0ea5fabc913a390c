// Gathers runs into files of bounded length and puts them into the blob store.
import { crc32 } from 'node:zlib';
import type { BlobStore } from '@millrace/common';
import { ByteSink, type KeyedStateFile, type KeyGroupRun } from '@millrace/proto';

/** A file is finished after the run that reaches this length: growing and checksumming it stays under 10 ms. */
const FILE_BYTES_TARGET = 8 * 1024 * 1024;
const SINK_BYTES_INITIAL = 16 * 1024;

/** Contract: `begin`, blocks into `sink`, `end` for each run, in ascending key groups; `finish` at last. */
export class RunFileWriter {
  readonly files: KeyedStateFile[] = [];
  sink = new ByteSink(SINK_BYTES_INITIAL);
  readonly #kind: 'base' | 'delta';
  readonly #blobStore: BlobStore;
  readonly #nameStart: string;
  #runs: KeyGroupRun[] = [];
  #runStart = 0;

  constructor(kind: 'base' | 'delta', blobStore: BlobStore, nameStart: string) {
    this.#kind = kind;
    this.#blobStore = blobStore;
    this.#nameStart = nameStart;
  }

  begin(): void {
    this.#runStart = this.sink.position;
  }

  /** Ends the run of a key group; one without bytes is kept when `keepsEmpty`: it says that the group is empty. */
  async end(keyGroup: number, entryCount: number, keepsEmpty: boolean): Promise<void> {
    const offset = this.#runStart;
    const bytes = this.sink.position - offset;
    if (bytes === 0 && !keepsEmpty) return;
    this.#runs.push({ keyGroup, offset, bytes, entryCount });
    if (this.sink.position >= FILE_BYTES_TARGET) await this.finish();
  }

  /** Puts what is there; no file when there is nothing. */
  async finish(): Promise<void> {
    if (this.#runs.length === 0) return;
    const bytes = this.sink.view();
    const name = `${this.#nameStart}${this.#kind}-${this.files.length}.run`;
    const runs = this.#runs;
    this.#runs = [];
    this.sink = new ByteSink(SINK_BYTES_INITIAL);
    await this.#blobStore.put(name, bytes);
    this.files.push({ name, kind: this.#kind, bytes: bytes.length, crc32: crc32(bytes), runs });
  }
}
