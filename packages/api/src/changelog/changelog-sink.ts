// Sinks that take more than inserts.
import type { Sink } from '../connector/sink.ts';
import type { Change } from './change.ts';

/**
 * A sink that takes changes: `upsert` all but the row as it was before an update, `all` every one. A sink without `changes`
 * takes inserts, as plain records.
 */
export interface ChangelogSink<in T> extends Sink<Change<T>> {
  readonly changes: 'upsert' | 'all';
  /** With `upsert`: the key by which the sink updates and deletes. */
  readonly key?: (row: never) => unknown;
  /** It has one writer, whatever the parallelism of what comes before it; unset, as many. */
  readonly parallelism?: 1;
}

/** Which changes a sink takes. */
export type SinkChanges = 'append' | 'upsert' | 'all';

/** What a sink declares. */
export function sinkChanges(sink: object): SinkChanges {
  const { changes } = sink as { readonly changes?: SinkChanges };
  return changes ?? 'append';
}
