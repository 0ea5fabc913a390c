// A database outside of the cluster, with transactions that are prepared and then committed: a sink over it as a vendor's
// connector would be one.
import { MillraceError, type FilePort } from '@millrace/common';
import { sinkBrand, type Sink, type SinkContext, type SinkWriter } from '@millrace/api';
import type { Json } from '@millrace/proto';
import type { OperationFate } from './sim-disk.ts';
import type { SimProcess } from './sim-process.ts';

interface Transaction {
  readonly sink: string;
  readonly owner: string;
  readonly attemptNumber: number;
  readonly rows: readonly string[];
  isCommitted: boolean;
}

export interface SimLedgerOptions {
  readonly delayMs: () => number;
  readonly fateOf: (operation: 'prepare' | 'commit') => OperationFate;
  /** Which process a file system was handed to: whoever asks with it asks for that process. */
  readonly userOf: (files: FilePort) => SimProcess;
  /** A transaction becomes visible. */
  readonly onCommit: (name: string, files: FilePort) => void;
}

/** Contract: prepared transactions outlive whoever prepared them; a commit of what is committed changes nothing. */
export class SimLedger {
  readonly #options: SimLedgerOptions;
  readonly #transactions = new Map<string, Transaction>();

  constructor(options: SimLedgerOptions) {
    this.#options = options;
  }

  /** A sink for `name`. Each record is one row, as JSON. */
  sinkOf(name: string): Sink<unknown> {
    return {
      [sinkBrand]: 1,
      name: `ledger ${name}`,
      describe: () => ({ ledger: name }),
      openWriter: (context, restored) => this.#openWriter(name, context, restored),
      openCommitter: (context) => ({
        commit: async (committables) => {
          for (const committable of committables) await this.#commit(context, nameOf(committable));
        },
      }),
    };
  }

  /** Rows that are visible. */
  rowsOf(name: string): readonly string[] {
    return [...this.#transactions.values()]
      .filter(({ sink, isCommitted }) => sink === name && isCommitted)
      .flatMap(({ rows }) => rows);
  }

  async #openWriter(
    sink: string,
    context: SinkContext,
    restored: readonly Json[],
  ): Promise<SinkWriter<unknown>> {
    const { runId, operatorUid, subtaskIndex, attemptNumber } = context;
    await this.#abortOlder(sink, context, new Set(restored.map(nameOf)));
    let rows: string[] = [];
    return {
      write: (record) => void rows.push(JSON.stringify(record)),
      prepareCommit: (checkpointId) => {
        const sealed = rows;
        rows = [];
        if (sealed.length === 0) return [];
        const name = `${runId}/${operatorUid}/${subtaskIndex}/${attemptNumber}/${checkpointId}`;
        return this.#prepare(context, name, { sink, rows: sealed });
      },
      close: () => undefined,
    };
  }

  /** What older attempts left pending in this subtask's share and no checkpoint that counts names. */
  #abortOlder(sink: string, context: SinkContext, kept: ReadonlySet<string>): Promise<void> {
    const { files, runId, operatorUid, subtaskIndex, parallelism, attemptNumber } = context;
    return this.#call(files, 'sink abort', () => {
      for (const [name, transaction] of this.#transactions) {
        if (transaction.sink !== sink || transaction.isCommitted || kept.has(name)) continue;
        if (!transaction.owner.startsWith(`${runId}/${operatorUid}/`)) continue;
        const index = Number(transaction.owner.split('/').at(-1));
        if (transaction.attemptNumber < attemptNumber && index % parallelism === subtaskIndex)
          this.#transactions.delete(name);
      }
    });
  }

  #prepare(
    { files, runId, operatorUid, subtaskIndex, attemptNumber }: SinkContext,
    name: string,
    { sink, rows }: { readonly sink: string; readonly rows: readonly string[] },
  ): Promise<Json[]> {
    return this.#call(files, 'sink prepare', () => {
      const fate = this.#options.fateOf('prepare');
      if (fate === 'refused') throw sinkError('prepare', name, 'the database does not answer');
      const owner = `${runId}/${operatorUid}/${subtaskIndex}`;
      this.#transactions.set(name, { sink, owner, attemptNumber, rows, isCommitted: false });
      if (fate === 'unknown') throw sinkError('prepare', name, 'the connection broke before the answer');
      return [{ pendingName: name, rowCount: rows.length }];
    });
  }

  #commit({ files }: SinkContext, name: string): Promise<void> {
    return this.#call(files, 'sink commit', () => {
      const fate = this.#options.fateOf('commit');
      if (fate === 'refused') throw sinkError('commit', name, 'the database does not answer');
      const transaction = this.#transactions.get(name);
      if (transaction === undefined) throw sinkError('commit', name, 'there is no such transaction');
      if (!transaction.isCommitted) {
        transaction.isCommitted = true;
        this.#options.onCommit(name, files);
      }
      if (fate === 'unknown') throw sinkError('commit', name, 'the connection broke before the answer');
    });
  }

  #call<T>(files: FilePort, label: string, effect: () => T): Promise<T> {
    const delayMs = this.#options.delayMs();
    return this.#options.userOf(files).call({ label, delayMs, effect, isRemote: true });
  }
}

function nameOf(committable: Json): string {
  return String((committable as { readonly pendingName?: unknown }).pendingName);
}

function sinkError(operation: string, name: string, why: string): MillraceError {
  return new MillraceError('MR_SINK_COMMIT', `Cannot ${operation} transaction "${name}": ${why}`);
}
