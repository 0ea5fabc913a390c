// Search on streams: standing queries, and the documents that fit them as they pass.
import type { Change } from '../changelog/change.ts';
import { recordFunction } from '../function/check-function.ts';
import { tagName, type OutputTag } from '../function/output-tag.ts';
import type { Operator } from '../graph/operator.ts';
import { describe, invalidOption, oneOf, refuseUnknownOptions } from '../options/check-options.ts';
import type { DeepMutable, DeepReadonly } from '../readonly.ts';
import type { DataStream } from '../stream/data-stream.ts';
import type { PercolateMatch, StandingQuery } from './standing-query.ts';

/** Standing queries as they change: a stream of changes, or a changelog stream. */
export type QueryChanges<C extends Change<StandingQuery>> = DataStream<C> | { toStream(): DataStream<C> };

/** Options of {@link percolate}. */
export interface PercolateOptions<D, Q, Out> {
  /** What becomes of a document and a query that it fits; unset, `{ document, query }`. */
  readonly select?: (document: DeepReadonly<D>, query: DeepReadonly<Q>) => Out;
  /**
   * `event`: a document waits until the watermark of both streams has come to its time, and meets the queries as of that time, whichever
   * came first. `processing`: it meets the queries that came before it. Default `processing`.
   */
  readonly time?: 'event' | 'processing';
  /** With event time: where documents go that the watermark has passed already, `result.sideOutput(tag)`. They are counted in any case. */
  readonly lateOutput?: OutputTag<DeepMutable<D>>;
}

/**
 * For each document and each standing query that it fits, one record.
 * Contract: `insert` and `updateAfter` add the query with its id or replace it, `delete` removes it, `updateBefore` is ignored:
 * a query's key is its id. A document meets the queries that came before it; there is no order between the two streams, unless
 * `time` is `event`: then both are taken in the order of their event times, changes before documents of the same time, when the watermark
 * of both streams has passed them. A document that it has passed already is late; a change that it has passed is taken at once.
 * Queries are keyed state, dealt out by id over the subtasks; each document goes to all subtasks, as with a percolator index of
 * several shards. A document is tried only on queries for which it has the value, word, prefix or point that they need; queries
 * that need nothing are tried on all. Results have the document's event time.
 * Bounds: queries and their index are in memory, 10,000 distinct fields in the queries of a subtask. With event time, documents that
 * wait are in memory too, and a checkpoint has room for 16 MiB of them (MR_STATE_TOO_LARGE); at least once, for as much by the number of subtasks.
 * A query that is none fails as a function does (MR_QUERY_INVALID): see `.onError(…)`.
 * Source: Elasticsearch's percolator and query language.
 */
export function percolate<D, C extends Change<StandingQuery>, Out = PercolateMatch<D, C['row']>>(
  documents: DataStream<D>,
  queries: QueryChanges<C>,
  options: PercolateOptions<D, C['row'], Out> = {},
): DataStream<Out> {
  return documents.percolate(queries, options);
}

/** The stream of changes, checked. */
export function queryStream<C extends Change<StandingQuery>>(queries: QueryChanges<C>): DataStream<C> {
  if (typeof (queries as { keyBy?: unknown } | undefined)?.keyBy === 'function')
    return queries as DataStream<C>;
  const { toStream } = (queries ?? {}) as { toStream?: () => DataStream<C> };
  if (typeof toStream === 'function') return toStream.call(queries);
  throw invalidOption(
    `Cannot percolate with ${describe(queries)}: give a stream of changes of queries, { kind: 'insert', row: { id, query } }`,
  );
}

/** The operator, its options checked. */
export function percolateOperator<D, Q, Out>(options: PercolateOptions<D, Q, Out>): Operator {
  refuseUnknownOptions('percolate()', options, ['select', 'time', 'lateOutput']);
  const { select, lateOutput } = options;
  const time = oneOf('`time` of percolate()', options.time ?? 'processing', ['event', 'processing']);
  if (lateOutput !== undefined && time !== 'event')
    throw invalidOption(
      "Cannot use `lateOutput` of percolate() here: no document is late without time: 'event'",
    );
  return {
    kind: 'percolate',
    ...(select === undefined ? {} : { select: recordFunction('`select` of percolate()', select) }),
    ...(time === 'event' ? { time } : {}),
    ...(lateOutput === undefined ? {} : { lateOutput: tagName(lateOutput, '`lateOutput` of percolate()') }),
  };
}

/** Key of a change: the id of its query. */
export function queryKey(change: Change<StandingQuery>): string | number {
  return change.row.id;
}
