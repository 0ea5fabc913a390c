// The StreamGraph as data: what is submitted, compared and shown. No function's source ever gets into it.
import type { Json, StateDescriptorJson, StreamGraphJson, StreamNodeJson } from '@millrace/proto';
import {
  changelogState,
  describeChangelogOperator,
  isChangelogOperator,
} from '../changelog/describe-changelog-operator.ts';
import type { FailurePolicy } from '../failure/failure-policy.ts';
import { describePattern } from '../pattern/describe-pattern.ts';
import { describeJoin, joinStates } from '../join/describe-join.ts';
import type { LookupSpec } from './async-spec.ts';
import type { Operator, WatermarkSpec } from './operator.ts';
import type { StateSpec } from './state-spec.ts';
import { describeAggregates, describeWindow, describeWindowState } from './describe-window.ts';
import type { StreamGraph, StreamNode } from './stream-graph.ts';

type OptionsJson = { readonly [name: string]: Json };

/** Returns the graph as plain JSON. */
export function describeStreamGraph(graph: StreamGraph): StreamGraphJson {
  return { version: 1, name: graph.name, options: graph.options, nodes: graph.nodes.map(describeNode) };
}

function describeNode(node: StreamNode): StreamNodeJson {
  return {
    id: node.id,
    uid: node.uid,
    isUidExplicit: node.isUidExplicit,
    name: node.name,
    kind: node.operator.kind,
    ...(node.parallelism === undefined ? {} : { parallelism: node.parallelism }),
    ...(node.isImplicit === undefined ? {} : { isImplicit: node.isImplicit }),
    inputs: node.inputs.map(({ from, partitioning, sideOutput, isPreAggregated }) => ({
      from,
      partitioning,
      ...(sideOutput === undefined ? {} : { sideOutput }),
      ...(isPreAggregated === undefined ? {} : { isPreAggregated }),
    })),
    state: describeState(node.operator),
    options: {
      ...describeOptions(node.operator),
      ...(node.onError === undefined ? {} : { onError: describePolicy(node.onError) }),
    },
  };
}

function describeState(operator: Operator): readonly StateDescriptorJson[] {
  switch (operator.kind) {
    case 'process':
    case 'coProcess':
      return [
        ...Object.entries(operator.process.state).map(([name, state]) =>
          describeDeclared(name, state.kind, state),
        ),
        ...Object.entries(operator.process.broadcast ?? {}).map(([name, state]) =>
          describeDeclared(name, 'broadcast', state),
        ),
      ];
    case 'pattern':
      return [
        { name: 'queue', kind: 'list' },
        { name: 'matches', kind: 'value' },
        ...(operator.pattern === undefined
          ? [
              { name: 'rules of key', kind: 'value' as const },
              { name: 'rules', kind: 'broadcast' as const },
            ]
          : []),
      ];
    case 'percolate':
      return [
        { name: 'queries', kind: 'value' },
        ...(operator.time === 'event'
          ? [
              { name: 'changes', kind: 'value' as const },
              { name: 'documents', kind: 'list' as const },
            ]
          : []),
      ];
    case 'reduce':
    case 'aggregate':
      return [{ name: operator.kind, kind: 'value' }];
    case 'window':
      return describeWindowState(operator);
    case 'join':
      return joinStates(operator.join);
    default:
      return isChangelogOperator(operator) ? changelogState(operator) : [];
  }
}

function describeDeclared(
  name: string,
  kind: StateDescriptorJson['kind'],
  { version, from, ttl, renamedFrom }: StateSpec,
): StateDescriptorJson {
  return {
    name,
    kind,
    ...(version === undefined ? {} : { version }),
    ...(from === undefined ? {} : { from: Object.keys(from).map(Number) }),
    ...(renamedFrom === undefined ? {} : { renamedFrom }),
    ...(ttl === undefined ? {} : { ttl: { ...ttl } }),
  };
}

/** What states have that are kept for a time, or have older versions; nothing where none does. */
function describeStateOptions(states: { readonly [name: string]: StateSpec }): OptionsJson {
  const described = Object.entries(states).flatMap(([name, { ttl, version }]) =>
    ttl === undefined && version === undefined
      ? []
      : [
          [
            name,
            {
              ...(ttl === undefined ? {} : { ttl: { ...ttl } }),
              ...(version === undefined ? {} : { version }),
            },
          ],
        ],
  );
  return described.length === 0 ? {} : { states: Object.fromEntries(described) as Json };
}

function describeOptions(operator: Operator): OptionsJson {
  switch (operator.kind) {
    case 'source':
      return {
        source: operator.source.name,
        boundedness: operator.source.boundedness,
        isOrdered: operator.source.isOrdered,
        onMalformed: describePolicy(operator.onMalformed),
        ...(operator.ratePerSecond === undefined ? {} : { ratePerSecond: operator.ratePerSecond }),
        ...(operator.watermarks === undefined ? {} : { watermarks: describeWatermarks(operator.watermarks) }),
        connector: operator.source.describe(),
      };
    case 'aggregate':
      return { aggregates: describeAggregates(operator.aggregates) };
    case 'window':
      return describeWindow(operator);
    case 'pattern':
      return describePattern(operator);
    case 'join':
      return describeJoin(operator.join);
    case 'staticJoin':
      return {
        joinType: operator.joinType,
        table: operator.table.name,
        connector: operator.table.describe(),
      };
    case 'watermarks':
      return { watermarks: describeWatermarks(operator.watermarks) };
    case 'sink':
      return { sink: operator.sink.name, connector: operator.sink.describe() };
    case 'print':
      return {
        form: operator.form,
        ...(operator.title === undefined ? {} : { title: operator.title }),
        ...(operator.isOfChanges === undefined ? {} : { isOfChanges: true }),
      };
    case 'process':
    case 'coProcess':
      return { isKeyed: operator.isKeyed, ...describeStateOptions(operator.process.state) };
    case 'asyncWait':
      return describeAsync(operator);
    case 'percolate':
      return operator.time === undefined ? {} : { time: operator.time };
    default:
      return isChangelogOperator(operator) ? describeChangelogOperator(operator, describeAggregates) : {};
  }
}

function describeLookup(lookup: LookupSpec | undefined): OptionsJson {
  if (lookup === undefined) return {};
  const { joinType, cacheEntriesMax, ttlMs, negativeTtlMs, batchMax } = lookup;
  return { join: 'lookup', joinType, cacheEntriesMax, ttlMs, negativeTtlMs, batchMax };
}

function describeAsync({ wait, isKeyed }: Extract<Operator, { readonly kind: 'asyncWait' }>): OptionsJson {
  const { order, capacity, timeoutMs, retry } = wait;
  const common = { isKeyed, order, capacity, timeoutMs, ...describeLookup(wait.lookup) };
  if (retry === undefined) return common;
  const { attemptsMax, initialDelayMs, maxDelayMs, multiplier } = retry;
  return {
    ...common,
    retry: { attemptsMax, initialDelayMs, maxDelayMs, multiplier },
  };
}

function describePolicy({ action, recordsMax }: FailurePolicy): Json {
  return recordsMax === undefined ? action : { action, recordsMax };
}

function describeWatermarks(watermarks: WatermarkSpec): OptionsJson {
  if (watermarks.kind === 'none') return { kind: 'none' };
  const { kind, idleAfterMs, ahead, alignment } = watermarks;
  return {
    kind,
    ...(kind === 'bounded' ? { boundMs: watermarks.boundMs } : {}),
    ...(kind === 'custom' && watermarks.intervalMs !== undefined
      ? { intervalMs: watermarks.intervalMs }
      : {}),
    ...(idleAfterMs === undefined ? {} : { idleAfterMs }),
    ...(ahead === undefined ? {} : { ahead: { ...ahead } }),
    ...(alignment === undefined ? {} : { alignment: { ...alignment } }),
  };
}
