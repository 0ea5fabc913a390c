// The JobManager's durable store: what was written before the crash is there after it, the write under way perhaps. One
// process at a time, as LevelDB's lock has it.
import { MillraceError } from '@millrace/common';
import type { JobStore, StoreOperation } from '@millrace/jobmanager';
import type { OperationFate } from './sim-disk.ts';
import type { SimProcess } from './sim-process.ts';

export interface SimJobStoreOptions {
  readonly delayMs: () => number;
  /** `unknown`: it is written, and the writer gets an error. */
  readonly fateOf: () => OperationFate;
  readonly onWrite: (writer: SimProcess, operations: readonly StoreOperation[]) => void;
}

/** Contract: as the port says. After a write that failed it takes no other from the same process, as LevelDB's does. */
export class SimJobStore {
  readonly entries = new Map<string, Uint8Array>();
  readonly #options: SimJobStoreOptions;
  #holder: SimProcess | undefined;
  /** Nothing can be added. */
  isFull = false;

  constructor(options: SimJobStoreOptions) {
    this.#options = options;
  }

  /**
   * Opens it for a process that lives: paused, it still holds the lock.
   * @throws {MillraceError} MR_CLUSTER_RUNNING when another one has it open
   */
  open(process: SimProcess): JobStore {
    if (this.#holder !== undefined && !this.#holder.isDead)
      throw new MillraceError('MR_CLUSTER_RUNNING', 'Cannot open the store: another JobManager has it open');
    this.#holder = process;
    let hasFailed = false;
    const call = <T>(label: string, effect: () => T): Promise<T> =>
      process.call({ label, delayMs: this.#options.delayMs(), effect });
    return {
      load: () => call('store load', () => new Map(this.entries)),
      write: (operations) =>
        call(`store write ${kindOf(operations)}`, () => {
          this.#compare(operations);
          if (hasFailed)
            throw new MillraceError('MR_IO', 'Cannot write to the store: an earlier write failed');
          const fate = this.isFull ? 'refused' : this.#options.fateOf();
          hasFailed = fate !== 'done';
          if (fate === 'refused')
            throw new MillraceError('MR_IO', 'Cannot write to the store: the disk does not answer');
          this.#write(process, operations);
          if (fate === 'unknown')
            throw new MillraceError(
              'MR_IO',
              'Cannot write to the store: the disk failed while it was synced',
            );
        }),
      close: () => {
        if (this.#holder === process) this.#holder = undefined;
        return Promise.resolve();
      },
    };
  }

  #compare(operations: readonly StoreOperation[]): void {
    for (const operation of operations) {
      if (operation.type !== 'compare-and-set') continue;
      if (isEqual(this.entries.get(operation.key), operation.expected)) continue;
      throw new MillraceError('MR_STALE_EPOCH', `Cannot move "${operation.key}": somebody else has moved it`);
    }
  }

  #write(process: SimProcess, operations: readonly StoreOperation[]): void {
    for (const operation of operations) {
      if (operation.type === 'del') this.entries.delete(operation.key);
      else this.entries.set(operation.key, operation.value.slice());
    }
    this.#options.onWrite(process, operations);
  }
}

function kindOf(operations: readonly StoreOperation[]): string {
  return operations[0]?.key.split('/')[0] ?? 'nothing';
}

function isEqual(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  return a === undefined || b === undefined ? a === b : Buffer.compare(a, b) === 0;
}
