// Operators over changelogs as data, for plans and for comparing graphs.
import type { Json, StateDescriptorJson } from '@millrace/proto';
import type { AggregateSpec } from '../aggregate/aggregate-spec.ts';
import type { Operator } from '../graph/operator.ts';
import type {
  ChangelogOperator,
  ChangelogOperatorKind,
  GroupAggregateOperator,
  MiniBatchSpec,
  OrderingSpec,
} from './changelog-operator.ts';

type OptionsJson = { readonly [name: string]: Json };

const KINDS: ReadonlySet<string> = new Set<ChangelogOperatorKind>([
  'groupAggregate',
  'tableAggregate',
  'topN',
  'windowTopN',
  'limit',
  'distinct',
  'deduplicate',
  'normalize',
  'over',
  'sort',
  'upsertMaterialize',
]);

/** True for the operators of this folder. */
export function isChangelogOperator(operator: Operator): operator is ChangelogOperator {
  return KINDS.has(operator.kind);
}

/** What it keeps a key. */
export function changelogState(operator: ChangelogOperator): readonly StateDescriptorJson[] {
  return [{ name: operator.kind, kind: 'value' }];
}

/** Options that matter to compatibility and to `info`. */
export function describeChangelogOperator(
  operator: ChangelogOperator,
  describeAggregates: (aggregates: { readonly [name: string]: AggregateSpec }) => OptionsJson,
): OptionsJson {
  switch (operator.kind) {
    case 'groupAggregate':
      return {
        aggregates: describeAggregates(operator.aggregates),
        input: operator.input,
        ...distinct(operator),
        emit: operator.emit,
        ...updates(operator),
      };
    case 'tableAggregate':
      return { input: operator.input, ...ttl(operator.stateTtlMs) };
    case 'topN':
      return {
        limit: typeof operator.limit === 'number' ? operator.limit : 'by key',
        ...rank(operator),
        order: operator.orderBy.length === 0 ? 'arrival' : orders(operator.orderBy),
        input: operator.input,
        ...(operator.isMonotonic ? { isMonotonic: true } : {}),
        ...updates(operator),
      };
    case 'windowTopN':
      return {
        limit: operator.limit,
        ...rank(operator),
        order:
          operator.orderBy.length > 0
            ? orders(operator.orderBy)
            : `event time ${operator.isLatestFirst ? 'desc' : 'asc'}`,
      };
    case 'limit':
      return { recordsMax: operator.recordsMax };
    case 'distinct':
    case 'upsertMaterialize':
      return ttl(operator.stateTtlMs);
    case 'deduplicate':
      return {
        keep: operator.keep,
        time: operator.time,
        output: operator.output,
        ...(operator.withinMs === Infinity ? {} : { withinMs: operator.withinMs }),
        ...(operator.output === 'append' ? ttl(operator.stateTtlMs) : updates(operator)),
        ...(operator.generateInsert ? {} : { generateInsert: false }),
      };
    case 'normalize':
      return { ...(operator.filter === undefined ? {} : { hasFilter: true }), ...updates(operator) };
    case 'over':
      return {
        aggregates: describeAggregates(operator.aggregates),
        order: operator.order === 'rows' ? orders(operator.orderBy) : operator.order,
        frame: operator.frame,
        preceding: operator.preceding === Infinity ? 'unbounded' : operator.preceding,
        input: operator.input,
        ...(operator.order === 'rows' ? updates(operator) : ttl(operator.stateTtlMs)),
      };
    case 'sort':
      return operator.orderBy.length === 0 ? {} : { thenBy: orders(operator.orderBy) };
  }
}

/** How the values of distinct counts are kept: each as an entry for good, or with how often it is there. */
function distinct({ aggregates, input, stateTtlMs }: GroupAggregateOperator): OptionsJson {
  if (Object.values(aggregates).every(({ kind }) => kind !== 'countDistinct')) return {};
  return { distinct: input === 'append' && stateTtlMs === Infinity ? 'entries' : 'counted' };
}

function updates(of: {
  readonly generateUpdateBefore: boolean;
  readonly stateTtlMs: number;
  readonly miniBatch?: MiniBatchSpec;
}): OptionsJson {
  const { miniBatch } = of;
  return {
    generateUpdateBefore: of.generateUpdateBefore,
    ...ttl(of.stateTtlMs),
    ...(miniBatch === undefined
      ? {}
      : {
          miniBatch: {
            recordsMax: miniBatch.recordsMax,
            ...(miniBatch.latencyMs === Infinity ? {} : { latencyMs: miniBatch.latencyMs }),
          },
        }),
  };
}

function rank(of: { readonly rankField?: string; readonly firstRank: number }): OptionsJson {
  return {
    ...(of.rankField === undefined ? {} : { rank: of.rankField }),
    ...(of.firstRank === 1 ? {} : { firstRank: of.firstRank }),
  };
}

function ttl(stateTtlMs: number): OptionsJson {
  return stateTtlMs === Infinity ? {} : { stateTtlMs };
}

function orders(orderBy: readonly OrderingSpec[]): string {
  return orderBy.map(({ isDescending }) => (isDescending ? 'desc' : 'asc')).join(', ');
}
