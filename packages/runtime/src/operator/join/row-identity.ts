// What tells the rows of each side of a table join apart, and what follows from it.
import type { TableJoinSpec, UserFunction } from '@millrace/api';
import { fieldsRead } from '../../chain/fields/fields-read.ts';

/** `join key`: there is one row a key. `none`: nothing, since rows only come. undefined: all that is in them. */
export type RowIdentity = UserFunction | 'join key' | 'none' | undefined;

export function identityOf(spec: TableJoinSpec, side: 'left' | 'right'): RowIdentity {
  const isLeft = side === 'left';
  if (isLeft ? spec.isLeftKeyUnique : spec.isRightKeyUnique) return 'join key';
  const isAppendOnly = isLeft ? spec.isLeftAppendOnly : spec.isRightAppendOnly;
  return (isLeft ? spec.leftUniqueKey : spec.rightUniqueKey) ?? (isAppendOnly ? 'none' : undefined);
}

/**
 * Both tables only grow, one has one row a key, for which rows of the other wait, which nothing tells apart, and nothing is kept of a row but the row:
 * they are packed. Where many rows of a key meet many others each would be decoded for each. (Measured with rows of tables
 * that change packed as well, see docs/internals/benchmarks.md, Joins: 13 % slower with 50,000 small rows that are replaced all the time, four times as fast with a million.)
 */
export function isPacked(spec: TableJoinSpec): boolean {
  const { joinType, isLeftAppendOnly, isRightAppendOnly, leftTtlMs, rightTtlMs } = spec;
  if (joinType !== 'inner' || !isLeftAppendOnly || !isRightAppendOnly || leftTtlMs + rightTtlMs > 0)
    return false;
  const identities = [identityOf(spec, 'left'), identityOf(spec, 'right')];
  return identities.includes('join key') && identities.includes('none');
}

/** The side whose rows alone the condition looks at; undefined: both, or none, as one does that asks something else. */
export function decidingSide({ where }: TableJoinSpec): 'left' | 'right' | undefined {
  if (where === undefined) return undefined;
  const isOfLeft = fieldsRead(where, 0) !== 'none';
  const isOfRight = fieldsRead(where, 1) !== 'none';
  if (isOfLeft === isOfRight) return undefined;
  return isOfLeft ? 'left' : 'right';
}
