// A sink with transactions whose committed records outlive attempts.
import { sinkBrand, type Json, type Sink } from '@millrace/api';

export class CollectingSink<T> {
  readonly #committed = new Map<string, readonly T[]>();
  readonly #sealed = new Map<string, readonly T[]>();

  get records(): T[] {
    return [...this.#committed.values()].flat();
  }

  get transactionCount(): number {
    return this.#committed.size;
  }

  /** The sink for a program; each call of the program may get it anew. */
  sink(): Sink<T> {
    return {
      [sinkBrand]: 1,
      name: 'collect',
      describe: () => ({}),
      openWriter: (context) => {
        let open: T[] = [];
        return {
          write: (record) => {
            open.push(structuredClone(record));
          },
          prepareCommit: (checkpointId) => {
            if (open.length === 0) return [];
            const transaction = `${context.operatorUid}-${context.subtaskIndex}-${context.attemptNumber}-${checkpointId}`;
            this.#sealed.set(transaction, open);
            open = [];
            return [transaction];
          },
          close: () => undefined,
        };
      },
      openCommitter: () => ({
        commit: async (committables: readonly Json[]) => {
          for (const transaction of committables as readonly string[]) {
            const records = this.#sealed.get(transaction);
            if (records === undefined) throw new Error(`no such transaction: ${transaction}`);
            this.#committed.set(transaction, records);
          }
        },
      }),
    };
  }
}
