// The join of two changelogs: partitions both by the join key, and knows which kinds of changes come out.
import {
  changelogRefused,
  isAppendOnly,
  isUpsert,
  joinedMode,
  modeText,
  type ChangelogMode,
} from '../changelog/changelog-mode.ts';
import type { UserFunction } from '../graph/operator.ts';
import type { StreamOutlet, Transformation } from '../graph/transformation.ts';
import type { StreamScope } from '../stream/stream-scope.ts';
import { tableJoinSpec, type AnyOptions } from './join-specs.ts';
import { keyedInput } from './keyed-inputs.ts';
import type { TableJoinSpec } from './join-spec.ts';

/** One of the two tables. */
interface TableSide {
  readonly outlet: StreamOutlet;
  readonly mode: ChangelogMode;
}

const WHAT = 'join() of changelogs';

/** @throws {MillraceError} MR_OPTION_INVALID, MR_PROMISE_RETURNED, MR_CHANGELOG_REFUSED */
export function addTableJoin(
  scope: StreamScope,
  [left, right]: readonly [TableSide, TableSide],
  options: AnyOptions,
): { readonly added: Transformation; readonly mode: ChangelogMode } {
  const join = tableJoinSpec(options, {
    isLeftAppendOnly: isAppendOnly(left.mode),
    isRightAppendOnly: isAppendOnly(right.mode),
    leftIsUpsert: isUpsert(left.mode),
    rightIsUpsert: isUpsert(right.mode),
    ...(isOfInserts(left.outlet) ? { leftRowKey: options['leftKey'] as UserFunction } : {}),
    ...(isOfInserts(right.outlet) ? { rightRowKey: options['rightKey'] as UserFunction } : {}),
  });
  checkWhole('left', left.mode, join.leftUniqueKey !== undefined);
  checkWhole('right', right.mode, join.rightUniqueKey !== undefined);
  const of = { options, what: WHAT };
  const inputs = [
    keyedInput({ outlet: left.outlet, isChangelog: true }, 'leftKey', of),
    keyedInput({ outlet: right.outlet, isChangelog: true }, 'rightKey', of),
  ];
  const added = scope.builder.add({ kind: 'join', join }, inputs, `${join.joinType} join`);
  return { added, mode: modeOf(join, joinedMode(WHAT, left.mode, right.mode)) };
}

/** What `toTable` makes of a stream. */
function isOfInserts({ from: { operator }, partitioning }: StreamOutlet): boolean {
  return operator.kind === 'map' && operator.makesInserts === true && partitioning === 'forward';
}

/** Without the row as it was, a row can only be replaced by its key. */
function checkWhole(side: 'left' | 'right', mode: ChangelogMode, hasUniqueKey: boolean): void {
  if (!isUpsert(mode) || hasUniqueKey) return;
  throw changelogRefused(
    `Cannot join changes of the kinds ${modeText(mode)} without \`${side}UniqueKey\`: the row that an update replaces is not known; ` +
      `give the unique key, which the join key must be part of, or write .normalize((row) => row.id) before`,
  );
}

/** Rows without a partner are taken back when one comes, and pairs when an update no longer meets the condition. */
function modeOf({ joinType, where }: TableJoinSpec, mode: ChangelogMode): ChangelogMode {
  const isAlwaysPaired = joinType === 'inner' || joinType === 'semi';
  return isAlwaysPaired && !(isUpsert(mode) && where !== undefined) ? mode : { ...mode, delete: true };
}
