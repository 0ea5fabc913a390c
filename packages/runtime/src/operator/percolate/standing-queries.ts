// The standing queries of a subtask: rows of keyed state, and the index that is derived from them.
import { MillraceError } from '@millrace/common';
import type { RowTable } from '@millrace/state';
import { cutLoose } from '../aggregate/cut-loose.ts';
import { QueryIndex } from './query-index.ts';

export type Select = (document: unknown, query: unknown) => unknown;

/** A change of a query, as it came. */
export interface QueryChange {
  readonly kind: 'insert' | 'updateBefore' | 'updateAfter' | 'delete';
  readonly row: { readonly id: string | number; readonly query: unknown };
}

/** Queries of the subtask. Threading: the task's thread. */
export class StandingQueries {
  readonly #table: RowTable;
  readonly #index = new QueryIndex();
  readonly #select: Select;

  /** Indexes what the table was restored with. */
  constructor(table: RowTable, select: Select) {
    this.#table = table;
    this.#select = select;
    const cursor = table.openCursor(0);
    for (let row = cursor.next(); row !== -1; row = cursor.next()) {
      const record = table.columns[0]?.[row] as QueryChange['row'];
      this.#index.put(record.id, record, record.query);
    }
  }

  /** Results for all queries that the document fits. */
  match(document: unknown): readonly unknown[] {
    const queries = this.#index.match(document);
    const results: unknown[] = [];
    for (let index = 0; index < queries.length; index++) results.push(this.#select(document, queries[index]));
    return results;
  }

  change(change: QueryChange, key: unknown, keyHash: number): void {
    if (typeof key !== 'string' && typeof key !== 'number') throw withoutId(key);
    switch (change.kind) {
      case 'insert':
      case 'updateAfter': {
        cutLoose(change.row);
        this.#index.put(key, change.row, change.row.query);
        const row = this.#table.upsert(key, keyHash, 0);
        (this.#table.columns[0] as unknown[])[row] = change.row;
        this.#table.markDirty(row);
        return;
      }
      case 'delete':
        this.#index.delete(key);
        this.#table.remove(key, keyHash, 0);
        return;
      // What follows it replaces the query.
      case 'updateBefore':
        return;
      default:
        throw new MillraceError(
          'MR_QUERY_INVALID',
          `Cannot take a change of the kind ${JSON.stringify((change as { kind: unknown }).kind)} of standing query ${JSON.stringify(key)}: kinds are insert, updateBefore, updateAfter and delete`,
        );
    }
  }
}

/** Refuses the key of a change that is no id. */
export function withoutId(id: unknown): MillraceError {
  return new MillraceError(
    'MR_QUERY_INVALID',
    `Cannot take a standing query whose id is ${id === null ? 'null' : typeof id}: it must be a text or a number`,
  );
}
