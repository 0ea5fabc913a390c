// Percolation: standing queries in keyed state and in an index that is derived from it, and the documents that come by.
import { MillraceError } from '@millrace/common';
import type { UserFunction } from '@millrace/api';
import type { RowTable } from '@millrace/state';
import { cutLoose } from '../aggregate/cut-loose.ts';
import type { ChainOperator, StageBody } from '../chain-stage.ts';
import { backendMethods, emitKey } from '../keyed/keyed-code.ts';
import type { OperatorSetup } from '../operator-setup.ts';
import { emitElements } from '../simple-stages.ts';
import { QueryIndex } from './query-index.ts';

type Select = (document: unknown, query: unknown) => unknown;

interface QueryChange {
  readonly kind: 'insert' | 'updateBefore' | 'updateAfter' | 'delete';
  readonly row: { readonly id: string | number; readonly query: unknown };
}

/** Queries of the subtask. Threading: the task's thread. */
class StandingQueries {
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

function withoutId(id: unknown): MillraceError {
  return new MillraceError(
    'MR_QUERY_INVALID',
    `Cannot take a standing query whose id is ${id === null ? 'null' : typeof id}: it must be a text or a number`,
  );
}

function both(document: unknown, query: unknown): unknown {
  return { document, query };
}

/** Opens a percolator: documents come over the first input, to all subtasks, changes of queries over the second, by id. */
export async function openPercolate(
  setup: OperatorSetup,
  select: UserFunction | undefined,
): Promise<ChainOperator> {
  const { node, sites } = setup;
  const backend = await setup.openBackend();
  const table = backend.table({ name: 'queries', columns: ['value'], hasNamespaces: true });
  const queries = new StandingQueries(table, (select as Select | undefined) ?? both);
  const matchSite = sites.register(node, 'percolate function');
  const querySite = sites.register(node, 'standing query');
  const keySite = sites.register(node, 'key function');
  const emitAll = (returned: unknown, timestampMs: number): void => {
    setup.emission.emitAll(returned as readonly unknown[], {
      timestampMs,
      emit: setup.output.emit,
      onError: (error) => setup.failures.take(error, matchSite, undefined, timestampMs, -1),
    });
  };
  const emitDocument = (body: StageBody): string => {
    const results = body.unit.fresh('results');
    return body.attempt({
      names: [results],
      make: (declare) =>
        `${body.at(matchSite)} ${declare(results)} = ${body.unit.bind(queries, 'queries')}.match(${body.record.whole()});`,
      goOn: () =>
        emitElements(body, setup.emission, { array: results, other: body.unit.bind(emitAll, 'emitAll') }),
    });
  };
  const emitChange = (body: StageBody): string => {
    const { key, hash, make } = emitKey(body, setup, keySite);
    const change = `${body.unit.bind(queries, 'queries')}.change(${body.record.whole()}, ${key}, ${hash});`;
    return body.attempt({
      names: [key, hash],
      make: (declare) => `${make(declare)}\n${body.at(querySite)} ${change}`,
      goOn: () => '',
    });
  };
  return {
    node,
    stage: {
      kind: 'percolate',
      emitsMany: true,
      emit: (body) => (body.inputEdge === node.inputs[1] ? emitChange(body) : emitDocument(body)),
    },
    ...backendMethods(backend),
  };
}
