// The inputs of joins with tables: streams of rows or of changes, partitioned by a key of the row.
import type { ChangelogStream } from '../changelog/changelog-stream.ts';
import type { Source } from '../connector/source.ts';
import { recordFunction } from '../function/check-function.ts';
import type { UserFunction } from '../graph/operator.ts';
import type { StreamOutlet } from '../graph/transformation.ts';
import type { DataStream } from '../stream/data-stream.ts';
import type { AnyOptions } from './join-specs.ts';

/** An input before it is partitioned. */
export interface TableInput {
  readonly outlet: StreamOutlet;
  /** Its records are changes of rows. */
  readonly isChangelog: boolean;
}

/**
 * Returns the outlet partitioned by the key function that an option gives, of the row.
 * @throws {MillraceError} MR_OPTION_INVALID, MR_PROMISE_RETURNED
 */
export function keyedInput(
  { outlet, isChangelog }: TableInput,
  option: string,
  of: { readonly options: AnyOptions; readonly what: string },
): StreamOutlet {
  const key = recordFunction(`\`${option}\` of ${of.what}`, of.options[option] as UserFunction);
  return { ...outlet, partitioning: 'hash', keySelector: isChangelog ? keyOfChange(key) : key };
}

function keyOfChange(key: UserFunction): UserFunction {
  const ofRow = key as (row: unknown) => unknown;
  return (change: { readonly row: unknown }) => ofRow(change.row);
}

/** A table that changes, not a source or a stream of versions. */
export function isChangelogStream<Row>(
  table: Source<Row> | DataStream<Row> | ChangelogStream<Row>,
): table is ChangelogStream<Row> {
  const changelog = table as Partial<ChangelogStream<Row>> | undefined | null;
  return typeof changelog?.toStream === 'function' && changelog.mode !== undefined;
}
