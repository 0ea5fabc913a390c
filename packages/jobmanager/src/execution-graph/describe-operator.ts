// What a checkpoint says of the operators whose state it has.
import type { CheckpointOperator, JobGraph, Json, OperatorKind, StreamNodeJson } from '@millrace/proto';

/** Options that the meaning of an operator's state depends on, in an order that says nothing. */
const LAYOUT_OPTIONS: { readonly [kind in OperatorKind]?: readonly string[] } = {
  window: ['assigner', 'strategy', 'evictor', 'emit', 'function', 'aggregates'],
  aggregate: ['aggregates'],
  groupAggregate: ['aggregates', 'input', 'distinct'],
  topN: ['limit', 'order', 'input', 'isMonotonic'],
  windowTopN: ['limit', 'order'],
  deduplicate: ['keep', 'time', 'output'],
  over: ['aggregates', 'order', 'frame', 'preceding'],
  sort: ['thenBy'],
  process: ['isKeyed'],
  coProcess: ['isKeyed'],
  pattern: ['pattern'],
  percolate: ['time'],
  join: ['join', 'joinType', 'time', 'lowerMs', 'upperMs', 'hasLeftUniqueKey', 'hasRightUniqueKey'],
  asyncWait: ['isKeyed'],
};

/**
 * Options of the engine's operators that state of one kind comes with and of another not, whatever they are set to: the time of the last
 * write, and results that wait. By the name that users know.
 */
const LAYOUT_SWITCHES = {
  stateTtlMs: 'stateTtl',
  leftTtlMs: 'leftStateTtl',
  rightTtlMs: 'rightStateTtl',
  miniBatch: 'miniBatch',
} as const;

/** What checkpoints mean that were written before there was a choice. */
const IMPLIED_LAYOUT: { readonly [kind in OperatorKind]?: Readonly<Record<string, Json>> } = {
  window: { strategy: 'slices', emit: 'append' },
};

export const impliedLayout = (kind: OperatorKind): Readonly<Record<string, Json>> =>
  IMPLIED_LAYOUT[kind] ?? {};

/** All operators of a job. */
export function describeOperators({ streamGraph, vertices }: JobGraph): readonly CheckpointOperator[] {
  const readers = vertices.filter(({ role }) => role !== 'enumerator');
  return streamGraph.nodes.map((node) => ({
    ...describeOperator(node),
    parallelism: readers.find(({ nodeIds }) => nodeIds.includes(node.id))?.parallelism ?? 0,
  }));
}

/** What of an operator does not change with its parallelism. */
export function describeOperator(node: StreamNodeJson): Omit<CheckpointOperator, 'parallelism'> {
  const { uid, isUidExplicit, name, kind, state, options } = node;
  const stateLayout: Record<string, Json> = {};
  for (const option of LAYOUT_OPTIONS[kind] ?? []) {
    const value = options[option];
    if (value !== undefined) stateLayout[option] = value;
  }
  for (const [option, called] of Object.entries(LAYOUT_SWITCHES))
    if ((options[option] ?? 0) !== 0) stateLayout[called] = 'set';
  return { uid, isUidExplicit, name, kind, state, stateLayout };
}
