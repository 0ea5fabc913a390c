// Gathers runs into files of bounded length and puts them into the blob store.
import { checksumOfKeyedRunsV1, type ByteSink, type KeyedStateFile, type KeyGroupRun } from '@millrace/proto';
import type { FilePuts } from './file-puts.ts';

/** A file is finished after the run that reaches this length: growing and checksumming it stays under 10 ms. */
const FILE_BYTES_TARGET = 8 * 1024 * 1024;

/** Contract: `begin`, blocks into `sink`, `end` for each run, in ascending key groups; `finish` at last. */
export class RunFileWriter {
  readonly files: KeyedStateFile[] = [];
  sink: ByteSink;
  readonly #kind: 'base' | 'delta';
  readonly #puts: FilePuts;
  readonly #nameStart: string;
  #runs: KeyGroupRun[] = [];
  #runStart = 0;

  constructor(kind: 'base' | 'delta', puts: FilePuts, nameStart: string) {
    this.#kind = kind;
    this.#puts = puts;
    this.#nameStart = nameStart;
    this.sink = puts.takeSink();
  }

  begin(): void {
    this.#runStart = this.sink.position;
  }

  /** Ends the run of a key group; one without bytes is kept when `keepsEmpty`: it says that the group is empty. */
  end(keyGroup: number, entryCount: number, keepsEmpty: boolean): Promise<void> | undefined {
    const offset = this.#runStart;
    const bytes = this.sink.position - offset;
    if (bytes === 0 && !keepsEmpty) return undefined;
    this.#runs.push({ keyGroup, offset, bytes, entryCount });
    return this.sink.position >= FILE_BYTES_TARGET ? this.#put() : undefined;
  }

  /** Begins to put what is there; no file when there is nothing. */
  async finish(): Promise<void> {
    if (this.#runs.length > 0) await this.#put();
    this.#puts.giveBack(this.sink);
  }

  async #put(): Promise<void> {
    const { sink } = this;
    const bytes = sink.view();
    const name = `${this.#nameStart}${this.#kind}-${this.files.length}.run`;
    const checksum = checksumOfKeyedRunsV1(bytes);
    this.files.push({ name, kind: this.#kind, bytes: bytes.length, crc32: checksum, runs: this.#runs });
    this.#runs = [];
    this.sink = this.#puts.takeSink();
    await this.#puts.begin(name, sink);
  }
}
