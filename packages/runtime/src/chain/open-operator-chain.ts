// Opens the operators of one vertex in one subtask, and generates the code between them.
import type { Operator, SlicedAssignerSpec, StreamNode, WatermarkSpec } from '@millrace/api';
import type { Json } from '@millrace/proto';
import { LOG_BYTES_MAX_DEFAULT, openKeyedStateBackend } from '@millrace/state';
import { OperatorOutput, type ChainOperator } from '../operator/chain-stage.ts';
import { OperatorMetrics } from '../operator/metrics/operator-metrics.ts';
import { EventTimeTracker } from '../operator/event-time-tracker.ts';
import { openOperator } from '../operator/open-operator.ts';
import { rankFilterOf } from '../operator/changelog/rank-filter.ts';
import type { OperatorSetup } from '../operator/operator-setup.ts';
import { renamedStates, stateMigrations } from '../operator/state-migrations.ts';
import { aggregateLayout } from '../operator/aggregate/aggregate-layout.ts';
import { partialBatch } from '../operator/changelog/partial-batch.ts';
import { windowLayout } from '../operator/window/open-window.ts';
import { PartialAggregates } from '../operator/window/partial-aggregates.ts';
import { chainTopology, type ChainNode, type ChainTopology, type OutgoingEdge } from './chain-topology.ts';
import { edgeFields } from './fields/graph-fields.ts';
import { Emission } from './emission.ts';
import { generateEmit, generateEntry, type ChainCode } from './codegen/chain-codegen.ts';
import type { OutputPort } from './codegen/output-code.ts';
import type { ChainEnvironment, ChainMetrics, OperatorChain, StateMemory } from './operator-chain.ts';
import { ChainTallies, inheritedDrops } from './dropped-records.ts';
import { chainMetrics, inheritedCounts } from './record-counts.ts';
import { RecordFailures } from './record-failures.ts';
import { RecordOrigin } from './record-origin.ts';
import { RunningChain } from './running-chain.ts';
import { ErrorSites } from './user-error.ts';

/** Rows on the heap of an operator where nobody says what memory there is. */
const CACHE_ENTRIES_DEFAULT = 500_000;

/**
 * Opens the operator chain of a subtask: state restored, restored transactions committed again, the users' `open` run, static
 * tables read, code generated. With deployment mode `commit` only committers are opened.
 * @throws {MillraceError} what an operator's opening throws; what was opened before is closed
 */
export async function openOperatorChain(environment: ChainEnvironment): Promise<OperatorChain> {
  const topology = chainTopology(environment);
  const tallies = openTallies(environment, topology);
  const counts = inheritedCounts(environment.restore.get(topology.head.node.id) ?? [], {
    subtaskIndex: environment.subtaskIndex,
    parallelism: environment.vertex.parallelism,
  });
  const metrics = chainMetrics(counts);
  const { origin } = tallies;
  const sites = new ErrorSites(environment.subtaskIndex, environment.executionAttemptId, origin);
  const codegenId = codegenIdOf(environment);
  const trackerOf = (node: StreamNode, watermarks: WatermarkSpec): EventTimeTracker =>
    new EventTimeTracker({
      watermarks,
      clock: environment.clock,
      restoredWatermarkMs: environment.restoredWatermarkMs,
      metrics,
      wrap: (error) => sites.wrap(error, sites.register(node, 'watermark generator')),
    });
  const trackers = new Map(
    topology.nodes.flatMap(({ node }) => {
      const watermarks = watermarksOf(node);
      return watermarks === undefined ? [] : [[node, trackerOf(node, watermarks)] as const];
    }),
  );
  const emission = new Emission({
    hasCredit: environment.hasCredit,
    freezesRecords: environment.freezeRecords === true,
  });
  for (const output of environment.outputs) output.onOverdraft = () => emission.overdraw();
  const operators = new Map<ChainNode, ChainOperator>();
  const operatorMetrics: OperatorMetrics[] = [];
  const outputs = new Map<ChainNode, OperatorOutput>();
  const nodeOf = (node: StreamNode): ChainNode | undefined =>
    topology.nodes.find((candidate) => candidate.node === node);
  const failures = new RecordFailures({
    sites,
    origin,
    emission,
    clock: environment.clock,
    subtaskIndex: environment.subtaskIndex,
    tallyOf: (node) => tallies.of(node),
    outputOf: (node) => outputs.get(nodeOf(node) as ChainNode),
  });
  try {
    for (const node of topology.nodes) {
      if (environment.deployment.mode === 'commit' && node.node.operator.kind !== 'sink') continue;
      const output = new OperatorOutput();
      outputs.set(node, output);
      const tally = tallies.of(node.node);
      const ownMetrics = new OperatorMetrics(node.node.name);
      operatorMetrics.push(ownMetrics);
      const shared = { sites, failures, origin, tally, output, emission, codegenId, metrics: ownMetrics };
      const delayMs = operators.get(topology.head)?.watermarkDelayMs ?? 0;
      const setup = operatorSetup(behind(environment, delayMs), { ...shared, node: node.node });
      operators.set(node, await openOperator(setup, trackers.get(node.node)));
    }
  } catch (error) {
    for (const operator of operators.values()) await operator.close?.().catch(() => undefined);
    throw error;
  }
  const code: ChainCode = {
    codegenId,
    operators,
    ports: outputPorts(environment, topology, { sites, metrics, codegenId }),
    sites,
    failures,
    metrics,
    keyGroupCount: environment.graph.options.keyGroupCount,
    freezesRecords: environment.freezeRecords === true,
    emission,
    entries: new Map(),
    prunesFields: environment.prunesFields !== false,
  };
  connect(topology, code, outputs);
  return new RunningChain({ environment, topology, code, tallies, trackers, operatorMetrics });
}

/** What operators behind one that holds watermarks back see. */
function behind(environment: ChainEnvironment, delayMs: number): ChainEnvironment {
  if (delayMs === 0) return environment;
  return { ...environment, restoredWatermarkMs: environment.restoredWatermarkMs - delayMs };
}

/** What the operators of the vertex left out, those of earlier attempts included. */
function openTallies(environment: ChainEnvironment, topology: ChainTopology): ChainTallies {
  const { subtaskIndex, vertex, clock, inputChannels = [] } = environment;
  return new ChainTallies({
    nodes: topology.nodes.map(({ node }) => node),
    origin: new RecordOrigin(inputChannels),
    subtaskIndex,
    nowMs: () => clock.nowMs(),
    restored: (node) =>
      inheritedDrops(environment.restore.get(node.id) ?? [], {
        subtaskIndex,
        parallelism: vertex.parallelism,
      }),
  });
}

/** Stands in all generated text: V8 shares type feedback between functions of identical source. */
function codegenIdOf(environment: ChainEnvironment): string {
  const { deployment, vertex, subtaskIndex } = environment;
  return `job ${deployment.jobId} attempt ${deployment.attemptNumber} vertex ${vertex.vertexId} subtask ${subtaskIndex}`;
}

function watermarksOf({ operator }: StreamNode): WatermarkSpec | undefined {
  return operator.kind === 'source' || operator.kind === 'watermarks' ? operator.watermarks : undefined;
}

interface ChainShared {
  readonly sites: ErrorSites;
  readonly metrics: ChainMetrics;
  readonly codegenId: string;
}

/** What the keyed state of one operator may take of its slot's: all of them the same, however much state they have. */
function stateMemoryOf({ graph, stateMemory }: ChainEnvironment): StateMemory | undefined {
  if (stateMemory === undefined) return undefined;
  const keyed = graph.nodes.filter(({ inputs }) =>
    inputs.some(({ partitioning }) => partitioning === 'hash'),
  ).length;
  const share = Math.max(1, keyed);
  return {
    heapBytes: Math.floor(stateMemory.heapBytes / share),
    packedBytes: Math.floor(stateMemory.packedBytes / share),
    logBytes: Math.min(LOG_BYTES_MAX_DEFAULT, Math.floor(stateMemory.logBytes / share)),
  };
}

function operatorSetup(
  environment: ChainEnvironment,
  of: {
    readonly node: StreamNode;
  } & Pick<
    OperatorSetup,
    'sites' | 'failures' | 'origin' | 'tally' | 'output' | 'emission' | 'codegenId' | 'metrics'
  >,
): OperatorSetup {
  const restored = environment.restore.get(of.node.id) ?? [];
  const { options } = environment.graph;
  const memory = stateMemoryOf(environment);
  const inline = restored.flatMap(({ inline: state }) => (isFields(state) ? [state] : []));
  return {
    ...of,
    environment,
    restoredInline: inline.filter((state) => isTakenOver(state, environment)),
    everyInline: inline,
    migrations: (states) => stateMigrations(of.node, states, restored),
    openBackend: async ({ states = {}, ...more } = {}) =>
      openKeyedStateBackend({
        ...more,
        keyGroupCount: options.keyGroupCount,
        keyGroupRange: environment.keyGroupRange,
        cacheEntriesMax: options.stateCacheEntriesMax ?? CACHE_ENTRIES_DEFAULT,
        ...(options.stateCacheEntriesMax === undefined ? { heapBytesMax: memory?.heapBytes } : {}),
        cacheBytesMax: options.stateCacheBytesMax ?? memory?.packedBytes,
        spillLogBytesMax: memory?.logBytes,
        areNumbersWeighed: options.areNumbersWeighed,
        openStore: () =>
          environment.openKeyValueStore(
            `${environment.vertex.vertexId}-${of.node.id}-${environment.subtaskIndex}`,
          ),
        codegenId: `${of.codegenId} node ${of.node.id}`,
        log: environment.log,
        ...environment.stateLimits,
        ...(environment.yieldToTask === undefined ? {} : { yieldToTask: environment.yieldToTask }),
        ...(restored.length === 0
          ? {}
          : {
              restore: {
                files: restored.flatMap((snapshot) => snapshot.keyedFiles),
                blobStore: environment.blobStore,
                migrations: stateMigrations(of.node, states, restored),
                renamed: renamedStates(states),
                declared: new Map(
                  Object.entries(states).map(([name, { ttl }]) => [name, ttl !== undefined] as const),
                ),
              },
            }),
      }),
  };
}

type InlineState = { readonly [field: string]: Json };

function isFields(inline: Json | undefined): inline is InlineState {
  return typeof inline === 'object' && inline !== null && !Array.isArray(inline);
}

/** Inline state names the subtask that wrote it; of fewer subtasks now, each takes over several. */
function isTakenOver(inline: InlineState, environment: ChainEnvironment): boolean {
  const writer = inline['subtaskIndex'];
  return typeof writer === 'number' && writer % environment.vertex.parallelism === environment.subtaskIndex;
}

function outputPorts(
  environment: ChainEnvironment,
  topology: ChainTopology,
  shared: ChainShared,
): ReadonlyMap<ChainNode, readonly OutputPort[]> {
  const ports = new Map<ChainNode, readonly OutputPort[]>();
  for (const node of topology.nodes)
    ports.set(
      node,
      node.outputs.map((outgoing) => outputPort(environment, outgoing, shared)),
    );
  return ports;
}

function outputPort(environment: ChainEnvironment, outgoing: OutgoingEdge, shared: ChainShared): OutputPort {
  return {
    outgoing,
    roundRobin: { next: environment.subtaskIndex % Math.max(1, outgoing.output.channelCount) },
    partials: partialsOf(environment, outgoing, shared),
    ranks: rankFilterOf(outgoing.consumer),
    keySite: shared.sites.register(outgoing.consumer, 'key function'),
    fields:
      environment.prunesFields === false
        ? 'all'
        : edgeFields(environment.graph, outgoing.consumer, outgoing.edge),
  };
}

function partialsOf(
  environment: ChainEnvironment,
  outgoing: OutgoingEdge,
  shared: ChainShared,
): PartialAggregates | undefined {
  const { output, edge, consumer } = outgoing;
  const operator: Operator = consumer.operator;
  const { keySelector } = edge;
  if (edge.isPreAggregated !== true || keySelector === undefined) return undefined;
  const setup = { node: consumer, sites: shared.sites };
  const { keyGroupCount } = environment.graph.options;
  const common = { ...shared, consumer, keySelector, output, keyGroupCount };
  if (operator.kind === 'groupAggregate') {
    const batch = partialBatch(operator, environment.clock);
    const layout = aggregateLayout(operator.aggregates, { ...setup, hasGroups: true });
    return new PartialAggregates({ ...common, assigner: undefined, batch, layout });
  }
  const layout = operator.kind === 'window' ? windowLayout(operator, setup) : undefined;
  if (operator.kind !== 'window' || layout === undefined) return undefined;
  const assigner = operator.assigner as SlicedAssignerSpec;
  return new PartialAggregates({ ...common, assigner, layout });
}

/** Generates what operators emit through from outside the loops. */
function connect(
  topology: ChainTopology,
  code: ChainCode,
  outputs: ReadonlyMap<ChainNode, OperatorOutput>,
): void {
  const shared = topology.nodes.filter((node) => node.chainedInputCount > 1 && code.operators.has(node));
  // The last first: the text of an entry calls the entries behind it, whose fields it has to know.
  for (const node of shared.toReversed()) code.entries.set(node, generateEntry(code, node));
  for (const [node, output] of outputs) {
    output.emit = generateEmit(code, node, undefined);
    for (const side of sideOutputsOf(node)) output.sides.set(side, generateEmit(code, node, side));
  }
}

function sideOutputsOf(node: ChainNode): ReadonlySet<string> {
  const names = [...node.consumers, ...node.outputs].map(({ edge }) => edge.sideOutput);
  return new Set(names.filter((name) => name !== undefined));
}
