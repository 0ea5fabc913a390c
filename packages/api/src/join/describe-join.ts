// Joins as data: what a plan shows of them, and what their state depends on.
import type { Json, StateDescriptorJson } from '@millrace/proto';
import type { JoinSpec } from './join-spec.ts';

/** Options of a join without its functions. */
export function describeJoin(join: JoinSpec): { readonly [name: string]: Json } {
  const common = { join: join.kind, joinType: join.joinType };
  switch (join.kind) {
    case 'interval':
      return {
        ...common,
        time: join.time,
        lowerMs: join.lowerMs,
        upperMs: join.upperMs,
        late: join.late,
        timestamp: join.timestamp,
        ...(join.leftLateOutput === undefined ? {} : { leftLateOutput: join.leftLateOutput }),
        ...(join.rightLateOutput === undefined ? {} : { rightLateOutput: join.rightLateOutput }),
      };
    case 'temporal':
      return {
        ...common,
        isChangelog: join.isChangelog,
        stateTtlMs: join.stateTtlMs,
        ...(join.lateOutput === undefined ? {} : { lateOutput: join.lateOutput }),
      };
    case 'latest':
      return { ...common, isChangelog: join.isChangelog, stateTtlMs: join.stateTtlMs };
    case 'table':
      return {
        ...common,
        hasLeftUniqueKey: join.leftUniqueKey !== undefined,
        hasRightUniqueKey: join.rightUniqueKey !== undefined,
        leftTtlMs: join.leftTtlMs,
        rightTtlMs: join.rightTtlMs,
      };
  }
}

/** What it keeps for each key. */
export function joinStates(join: JoinSpec): readonly StateDescriptorJson[] {
  switch (join.kind) {
    case 'interval':
    case 'temporal':
      return [
        { name: 'left', kind: 'list' },
        { name: 'right', kind: 'list' },
      ];
    case 'latest':
      return [{ name: 'right', kind: 'value' }];
    case 'table':
      return [
        { name: 'left', kind: 'map' },
        { name: 'right', kind: 'map' },
      ];
  }
}

/** Names of its side outputs. */
export function lateOutputsOf(join: JoinSpec): readonly string[] {
  const names = [
    join.kind === 'interval' ? join.leftLateOutput : undefined,
    join.kind === 'interval' ? join.rightLateOutput : undefined,
    join.kind === 'temporal' ? join.lateOutput : undefined,
  ];
  return names.filter((name) => name !== undefined);
}

/** Without watermarks of both inputs it can never let go of what it keeps. */
export function needsEventTime(join: JoinSpec): boolean {
  return join.kind === 'temporal' || (join.kind === 'interval' && join.time === 'event');
}
