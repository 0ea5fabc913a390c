// Joins with a static table: a bounded source that every subtask reads whole when it opens.
import { sourceBrand } from '../brand.ts';
import type { Source } from '../connector/source.ts';
import { recordFunction } from '../function/check-function.ts';
import type { Operator, UserFunction } from '../graph/operator.ts';
import { invalidGraph } from '../graph/transformation.ts';
import { describe, invalidOption, oneOf, refuseUnknownOptions } from '../options/check-options.ts';
import type { AnyOptions } from './join-specs.ts';

/** @throws {MillraceError} MR_OPTION_INVALID, MR_GRAPH_INVALID, MR_PROMISE_RETURNED */
export function staticJoinOperator(table: Source<unknown>, options: AnyOptions): Operator {
  refuseUnknownOptions('join()', options, ['recordKey', 'tableKey', 'type', 'select']);
  if (table?.[sourceBrand] !== 1)
    throw invalidOption(
      `Cannot join with ${describe(table)}: a static table is a source such as csv({ path })`,
    );
  if (table.boundedness !== 'bounded')
    throw invalidGraph(`Cannot join with source "${table.name}": a static table must be bounded`);
  const functionOf = (name: string): UserFunction =>
    recordFunction(`\`${name}\` of join()`, options[name] as UserFunction);
  return {
    kind: 'staticJoin',
    table,
    joinType: oneOf('`type` of join()', options['type'] ?? 'inner', ['inner', 'left']),
    recordKey: functionOf('recordKey'),
    tableKey: functionOf('tableKey'),
    combine: functionOf('select'),
  };
}
