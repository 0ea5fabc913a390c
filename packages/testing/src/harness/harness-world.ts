// What the chains of a harness see of the world: graph, deployment, clock, and the channels between them.
import {
  asJobId,
  asJobVertexId,
  executionAttemptId,
  keyGroupRange,
  MillraceError,
  type BlobStore,
  type FilePort,
  type JobVertexId,
  type Logger,
} from '@millrace/common';
import {
  defineJob,
  fromArray,
  monotonous,
  type DataStream,
  type StreamGraph,
  type StreamNode,
} from '@millrace/api';
import {
  createBatchBuilder,
  type BatchBuilder,
  type JobEdge,
  type JobVertex,
  type OperatorSnapshot,
  type OutputLine,
  type RecordBatch,
  type SlotDeployment,
  type StreamGraphJson,
  type SubmissionContext,
} from '@millrace/proto';
import type { ChainEnvironment, ChainOutput } from '@millrace/runtime';
import { MemoryKeyValueStore } from '@millrace/state';
import { MemoryBlobStore } from '../memory-blob-store.ts';
import type {
  ChainHarnessOptions,
  EmittedRecord,
  HarnessSnapshot,
  OperatorsUnderTest,
  SidedValue,
  TestedStream,
} from './harness-options.ts';
import { VirtualAnswers } from './virtual-answers.ts';

/** So that of packed rows about as many are kept as of others. */
const PACKED_ROW_BYTES = 200;
const SUBMISSION: SubmissionContext = { args: [], params: {}, environment: {}, baseDirectory: '/' };
const SOURCE_VERTEX = asJobVertexId('0'.repeat(31) + '1');
const TESTED_VERTEX = asJobVertexId('0'.repeat(31) + '2');
const OUTPUT_VERTEX = asJobVertexId('0'.repeat(31) + '3');
const SILENT: Logger = { withContext: () => SILENT };

/** The input's timestamp travels in the source's records. */
export interface Stamped<T> {
  readonly atMs: number;
  readonly value: T;
}

/** A batch between the producer and the operators under test. */
interface SentBatch {
  readonly input: number;
  readonly channel: number;
  readonly batch: RecordBatch;
}

interface HarnessEdges {
  readonly inputs: readonly JobEdge[];
  readonly outputs: readonly { readonly edge: JobEdge; readonly name: string }[];
}

/** Graph, vertices and environments of one harness. */
export class World<T> {
  readonly graph: StreamGraph;
  readonly edges: HarnessEdges;
  readonly blobStore: BlobStore;
  readonly attemptNumber: number;
  readonly answers = new VirtualAnswers(() => this.nowMs);
  readonly inFlight: SentBatch[] = [];
  readonly builders: BatchBuilder[] = [];
  onEmitted: (record: EmittedRecord) => void = () => undefined;
  onPrinted: (line: Omit<OutputLine, 'subtaskIndex'>) => void = () => undefined;
  watermarkMs: number;
  nowMs: number;
  readonly #options: ChainHarnessOptions<T>;
  readonly #producerIds: readonly number[];
  readonly #nodeIds: readonly number[];
  #creditLooks = 0;

  constructor(options: ChainHarnessOptions<T>) {
    this.#options = options;
    const { graph, names, producerCount } = buildGraph(options.operators);
    const { checkpointMode = graph.options.checkpointMode } = options;
    this.graph = { ...graph, options: { ...graph.options, checkpointMode } };
    this.#producerIds = producerIdsOf(graph, producerCount);
    this.#nodeIds = graph.nodes
      .filter(
        (node) => !this.#producerIds.includes(node.id) && !names.has(node.id) && node.isImplicit !== true,
      )
      .map((node) => node.id);
    this.edges = edgesOf(graph, { producers: this.#producerIds, tested: this.#nodeIds, names });
    this.blobStore = options.blobStore ?? new MemoryBlobStore();
    this.attemptNumber = options.attemptNumber ?? 1;
    this.watermarkMs = options.restore?.watermarkMs ?? -Infinity;
    this.nowMs = options.restore?.nowMs ?? 0;
  }

  producerEnvironment(): ChainEnvironment {
    const outputs = this.edges.inputs.map((edge, index) => this.#channelOutput(edge, index));
    return {
      ...this.#environment(SOURCE_VERTEX, { nodeIds: this.#producerIds, subtaskIndex: 0, parallelism: 1 }),
      inputEdges: [],
      outputs,
    };
  }

  testedEnvironment(subtaskIndex: number): ChainEnvironment {
    const { parallelism } = this.#options;
    return {
      ...this.#environment(TESTED_VERTEX, { nodeIds: this.#nodeIds, subtaskIndex, parallelism }),
      inputEdges: this.edges.inputs,
      inputChannels: [{ producerName: 'input', producerSubtask: 0 }],
      outputs: this.edges.outputs.map(({ edge, name }) => this.#capture(edge, name)),
    };
  }

  #channelOutput(edge: JobEdge, index: number): ChainOutput {
    const channelCount = this.#options.parallelism;
    const builder = createBatchBuilder({
      codegenId: `harness input ${index}`,
      targetCount: channelCount,
      isKeyed: edge.partitioning === 'hash',
      onBatch: (channel, batch) => this.inFlight.push({ input: index, channel, batch }),
    });
    this.builders.push(builder);
    return {
      edge,
      channelCount,
      append: (channel, record, timestampMs, keyHash) =>
        builder.append(channel, record, timestampMs, keyHash),
      fieldAppender: (names) => builder.fieldAppender(names),
    };
  }

  #capture(edge: JobEdge, output: string): ChainOutput {
    return {
      edge,
      channelCount: 1,
      append: (_channel, record, timestampMs) =>
        this.onEmitted({ output, record: structuredClone(record), timestampMs }),
    };
  }

  #environment(
    vertexId: JobVertexId,
    of: { readonly nodeIds: readonly number[]; readonly subtaskIndex: number; readonly parallelism: number },
  ) {
    const options = this.#options;
    const { subtaskIndex, parallelism } = of;
    const { cacheEntriesMax } = options;
    const graph = {
      ...this.graph,
      options: {
        ...this.graph.options,
        ...(cacheEntriesMax === undefined
          ? {}
          : {
              stateCacheEntriesMax: cacheEntriesMax,
              stateCacheBytesMax: cacheEntriesMax * PACKED_ROW_BYTES,
              areNumbersWeighed: false,
            }),
      },
    };
    const vertex: JobVertex = {
      vertexId,
      name: 'tested',
      role: vertexId === SOURCE_VERTEX ? 'source' : 'operator',
      nodeIds: of.nodeIds,
      parallelism,
    };
    const restored = vertexId === TESTED_VERTEX ? options.restore : undefined;
    return {
      graph,
      deployment: this.#deployment(),
      vertex,
      subtaskIndex,
      executionAttemptId: executionAttemptId(vertexId, subtaskIndex, this.attemptNumber),
      keyGroupRange: keyGroupRange({ keyGroupCount: graph.options.keyGroupCount, parallelism, subtaskIndex }),
      restore: restoreOf(restored),
      restoredWatermarkMs: restored?.watermarkMs ?? -Infinity,
      clock: { nowMs: () => this.nowMs, monotonicMs: () => this.nowMs },
      files: options.files ?? NO_FILES,
      log: SILENT,
      blobStore: this.blobStore,
      asynchronous: this.answers,
      openKeyValueStore: async () => new MemoryKeyValueStore(),
      hasCredit: () => options.refusesCredit !== true || ++this.#creditLooks % 2 === 0,
      print: (line: Omit<OutputLine, 'subtaskIndex'>) => this.onPrinted(line),
      ...(options.freezesRecords === undefined ? {} : { freezeRecords: options.freezesRecords }),
      ...(options.prunesFields === undefined ? {} : { prunesFields: options.prunesFields }),
    };
  }

  #deployment(): SlotDeployment {
    const restored = this.#options.restore?.checkpointId;
    const streamGraph: StreamGraphJson = {
      version: 1,
      name: this.graph.name,
      options: this.graph.options,
      nodes: [],
    };
    return {
      jobId: asJobId('0'.repeat(32)),
      jobName: this.graph.name,
      runId: 'harness',
      leaderEpoch: 1,
      attemptNumber: this.attemptNumber,
      linkSecret: '',
      regions: [0],
      slotIndex: 0,
      mode: this.#options.mode ?? 'run',
      artifact: { version: 1, entry: '', files: [] },
      submission: SUBMISSION,
      streamGraph,
      options: this.graph.options,
      checkpointDirectory: '',
      subtasks: [],
      parallelismOf: {},
      ...(restored === undefined ? {} : { restoredCheckpointId: restored }),
    };
  }
}

/**
 * The graph: source of stamped records, map to their values, for two inputs a filter and a map each, the operators under test, and
 * an end for each output.
 */
function buildGraph<T>(operators: OperatorsUnderTest<T>): {
  readonly graph: StreamGraph;
  readonly names: ReadonlyMap<number, string>;
  /** Nodes before those under test. */
  readonly producerCount: number;
} {
  const outputs: string[] = [];
  const job = defineJob('harness', (env) => {
    const input = env
      .source(fromArray<Stamped<T>>([]))
      .watermarks(monotonous((stamped) => stamped.atMs))
      .map((stamped) => stamped.value as never) as unknown as DataStream<T>;
    const built =
      typeof operators === 'function'
        ? operators(input)
        : operators.ofTwo(sideOf(input as never, 'left'), sideOf(input as never, 'right'));
    if (built === undefined) return;
    const streams = isStream(built) ? { main: built } : built;
    for (const [name, stream] of Object.entries(streams)) {
      outputs.push(name);
      stream.forEach(takeWhole);
    }
  });
  const graph = job.plan(SUBMISSION);
  const first = graph.nodes.filter((node) => node.isImplicit !== true).length - outputs.length;
  const names = new Map(outputs.map((name, index) => [first + index, name]));
  return { graph, names, producerCount: typeof operators === 'function' ? 2 : 6 };
}

/**
 * Nodes of the source's vertex. Of two inputs also those that only prepare what the first keyed operator gets, such as the union
 * in front of a window join.
 */
function producerIdsOf({ nodes }: StreamGraph, producerCount: number): readonly number[] {
  const ids = new Set(nodes.slice(0, producerCount).map(({ id }) => id));
  const leadsToExchange = (id: number): boolean =>
    nodes.some(({ id: consumer, inputs }) =>
      inputs.some(
        (edge) => edge.from === id && (edge.partitioning !== 'forward' || leadsToExchange(consumer)),
      ),
    );
  if (producerCount === 2) return [...ids];
  for (const { id, inputs } of nodes.slice(producerCount)) {
    const isFed = inputs.every((edge) => ids.has(edge.from) && edge.partitioning === 'forward');
    if (isFed && leadsToExchange(id)) ids.add(id);
  }
  return [...ids];
}

function sideOf(input: DataStream<SidedValue<unknown, unknown>>, side: 'left' | 'right'): DataStream<never> {
  return input.filter((sided) => sided.side === side).map((sided) => sided.value as never);
}

/** Stands for a consumer that may look at everything: its source gives the record away. */
function takeWhole(record: unknown): void {
  void [record];
}

function isStream(built: TestedStream | { readonly [output: string]: TestedStream }): built is TestedStream {
  return typeof built.forEach === 'function';
}

function edgesOf(
  graph: StreamGraph,
  of: {
    readonly producers: readonly number[];
    readonly tested: readonly number[];
    readonly names: ReadonlyMap<number, string>;
  },
): HarnessEdges {
  const tested = new Set(of.tested);
  const producers = new Set(of.producers);
  const inputs: JobEdge[] = [];
  const outputs: { edge: JobEdge; name: string }[] = [];
  let edgeId = 0;
  for (const node of graph.nodes) {
    for (const input of node.inputs) {
      const isPreAggregated = input.isPreAggregated === true;
      const sides = {
        fromNode: input.from,
        toNode: node.id,
        isPreAggregated,
        ...(input.sideOutput === undefined ? {} : { sideOutput: input.sideOutput }),
      };
      const name = of.names.get(node.id);
      if (producers.has(input.from) && tested.has(node.id)) {
        // A forward edge is dealt out, so that the operators may have several subtasks.
        const partitioning = input.partitioning === 'forward' ? 'rebalance' : input.partitioning;
        inputs.push({
          ...sides,
          edgeId: edgeId++,
          fromVertex: SOURCE_VERTEX,
          toVertex: TESTED_VERTEX,
          partitioning,
        });
      } else if (name !== undefined) {
        outputs.push({
          name,
          edge: {
            ...sides,
            edgeId: edgeId++,
            fromVertex: TESTED_VERTEX,
            toVertex: OUTPUT_VERTEX,
            partitioning: 'forward',
          },
        });
      } else {
        if (!producers.has(node.id)) checkChained(node, input.partitioning);
      }
    }
  }
  return { inputs, outputs };
}

function checkChained(node: StreamNode, partitioning: string): void {
  if (partitioning === 'forward') return;
  throw new MillraceError(
    'MR_GRAPH_INVALID',
    `Cannot test "${node.name}" behind another operator: only the first operator under test may be keyed or rebalanced`,
  );
}

function restoreOf(snapshot: HarnessSnapshot | undefined): ReadonlyMap<number, readonly OperatorSnapshot[]> {
  const restore = new Map<number, OperatorSnapshot[]>();
  for (const operator of snapshot?.operators.flat() ?? []) {
    const known = restore.get(operator.nodeId);
    if (known === undefined) restore.set(operator.nodeId, [operator]);
    else known.push(operator);
  }
  return restore;
}

const NO_FILES: FilePort = new Proxy({} as FilePort, {
  get: (_target, name) => () => {
    throw new MillraceError('MR_IO', `Cannot call ${String(name)}(): the harness was opened without files`);
  },
});
