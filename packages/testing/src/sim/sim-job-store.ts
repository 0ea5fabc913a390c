// The JobManager's durable store: what was written before the crash is there after it, the write under way perhaps.
import { MillraceError } from '@millrace/common';
import type { JobStore, StoreOperation } from '@millrace/jobmanager';
import type { SimProcess } from './sim-process.ts';

export interface SimJobStoreOptions {
  readonly delayMs: () => number;
  /** `unknown`: it is written, and the writer gets an error. */
  readonly fateOf: () => 'done' | 'refused' | 'unknown';
  readonly onWrite: (operations: readonly StoreOperation[]) => void;
}

export class SimJobStore {
  readonly entries = new Map<string, Uint8Array>();
  readonly #options: SimJobStoreOptions;

  constructor(options: SimJobStoreOptions) {
    this.#options = options;
  }

  portOf(process: SimProcess): JobStore {
    const call = <T>(label: string, effect: () => T): Promise<T> =>
      process.call({ label, delayMs: this.#options.delayMs(), effect });
    return {
      load: () => call('store load', () => new Map(this.entries)),
      write: (operations) => call(`store write ${kindOf(operations)}`, () => this.#write(operations)),
      close: () => Promise.resolve(),
    };
  }

  #write(operations: readonly StoreOperation[]): void {
    const fate = this.#options.fateOf();
    if (fate === 'refused')
      throw new MillraceError('MR_IO', 'Cannot write to the store: the disk does not answer');
    for (const operation of operations) {
      if (
        operation.type !== 'compare-and-set' ||
        isEqual(this.entries.get(operation.key), operation.expected)
      )
        continue;
      throw new MillraceError('MR_STALE_EPOCH', `Cannot move "${operation.key}": somebody else has moved it`);
    }
    for (const operation of operations) {
      if (operation.type === 'del') this.entries.delete(operation.key);
      else this.entries.set(operation.key, operation.value.slice());
    }
    this.#options.onWrite(operations);
    if (fate === 'unknown')
      throw new MillraceError('MR_IO', 'Cannot write to the store: the disk failed while it was synced');
  }
}

function kindOf(operations: readonly StoreOperation[]): string {
  return operations[0]?.key.split('/')[0] ?? 'nothing';
}

function isEqual(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  return a === undefined || b === undefined ? a === b : Buffer.compare(a, b) === 0;
}
