// Drives real operator chains without a task: a source vertex of one subtask, and behind it the operators under test as one
// vertex of several subtasks. Single-threaded, in virtual time.
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
  decodeBatchV1,
  encodeBatchV1,
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
import {
  openOperatorChain,
  type ChainEnvironment,
  type ChainOutput,
  type OperatorChain,
} from '@millrace/runtime';
import { MemoryKeyValueStore } from '@millrace/state';
import { MemoryBlobStore } from '../memory-blob-store.ts';

/** A stream whose records the harness gathers: a DataStream of anything. */
export interface TestedStream {
  forEach(each: (record: unknown) => void): unknown;
}

/** Builds the operators under test: what is behind the source. Returns the streams to look at, one or several by name. */
export type OperatorsUnderTest<T> = (
  input: DataStream<T>,
) => TestedStream | { readonly [output: string]: TestedStream } | void;

/** Something that a chain gave out. */
export interface EmittedRecord {
  readonly output: string;
  readonly record: unknown;
  readonly timestampMs: number;
}

export interface ChainHarnessOptions<T> {
  readonly operators: OperatorsUnderTest<T>;
  /** Subtasks of the operators under test. */
  readonly parallelism: number;
  readonly freezesRecords?: boolean;
  /** Every other look at the credit says no. */
  readonly refusesCredit?: boolean;
  readonly cacheEntriesMax?: number;
  readonly restore?: HarnessSnapshot;
  readonly blobStore?: BlobStore;
  readonly files?: FilePort;
  readonly mode?: SlotDeployment['mode'];
  readonly attemptNumber?: number;
}

/** State of all subtasks at a barrier. */
export interface HarnessSnapshot {
  readonly checkpointId: number;
  readonly watermarkMs: number;
  readonly nowMs: number;
  readonly operators: readonly (readonly OperatorSnapshot[])[];
}

const SUBMISSION: SubmissionContext = { args: [], params: {}, environment: {}, baseDirectory: '/' };
const SOURCE_VERTEX = asJobVertexId('0'.repeat(31) + '1');
const TESTED_VERTEX = asJobVertexId('0'.repeat(31) + '2');
const OUTPUT_VERTEX = asJobVertexId('0'.repeat(31) + '3');
const RESUMES_MAX = 1_000_000;
const SILENT: Logger = { withContext: () => SILENT };

/** The input's timestamp travels in the source's records. */
interface Stamped<T> {
  readonly atMs: number;
  readonly value: T;
}

/**
 * The chains of one attempt.
 * Contract: calls are awaited one after the other. What the operators emit is gathered in `emitted`, in order.
 */
export class ChainHarness<T> {
  readonly emitted: EmittedRecord[] = [];
  readonly printed: Omit<OutputLine, 'subtaskIndex'>[] = [];
  readonly blobStore: BlobStore;
  readonly chains: readonly OperatorChain[];
  readonly #producer: OperatorChain;
  readonly #world: World<T>;

  private constructor(
    world: World<T>,
    chains: { readonly producer: OperatorChain; readonly tested: readonly OperatorChain[] },
  ) {
    this.#world = world;
    this.#producer = chains.producer;
    this.chains = chains.tested;
    this.blobStore = world.blobStore;
    world.onEmitted = (record) => this.emitted.push(record);
    world.onPrinted = (line) => this.printed.push(line);
  }

  /** Opens all chains, restored from a snapshot if one is given. */
  static async open<T>(options: ChainHarnessOptions<T>): Promise<ChainHarness<T>> {
    const world = new World(options);
    const producer = await openOperatorChain(world.producerEnvironment());
    const tested: OperatorChain[] = [];
    for (let index = 0; index < options.parallelism; index++)
      tested.push(await openOperatorChain(world.testedEnvironment(index)));
    return new ChainHarness(world, { producer, tested });
  }

  get nowMs(): number {
    return this.#world.nowMs;
  }

  /** Records of one batch of the source. */
  send(records: readonly { readonly value: T; readonly atMs?: number }[]): void {
    const stamped: Stamped<T>[] = records.map(({ value, atMs }) => ({ atMs: atMs ?? NaN, value }));
    this.#producer.processSource({ kind: 'records', position: null, records: stamped });
    this.#deliver();
  }

  watermark(watermarkMs: number): void {
    this.#producer.flushPartials(watermarkMs);
    this.#deliver();
    this.#world.watermarkMs = watermarkMs;
    for (const chain of this.chains) this.#untilDone(chain, chain.advanceWatermark(watermarkMs));
  }

  processingTime(nowMs: number): void {
    this.#world.nowMs = nowMs;
    for (const chain of this.chains) {
      // As a task does: the chain is called when it asked to be.
      for (let calls = 0; chain.nextProcessingTimeMs() <= nowMs && calls < RESUMES_MAX; calls++) {
        this.#untilDone(chain, chain.advanceProcessingTime(nowMs));
      }
    }
  }

  /** The watermark +Infinity, and the end of the input. */
  endInput(): void {
    this.#producer.flushPartials();
    this.watermark(Infinity);
    for (const chain of this.chains) this.#untilDone(chain, chain.endInput());
  }

  #untilDone(chain: OperatorChain, isDone: boolean): void {
    let resumes = 0;
    for (let done = isDone; !done; done = chain.resume()) {
      if (++resumes > RESUMES_MAX)
        throw new MillraceError('MR_INTERNAL', 'A chain never ends what it was told to resume');
    }
    chain.flushPartials();
  }

  /** Snapshot of all subtasks, as at a barrier. */
  async snapshot(checkpointId: number): Promise<HarnessSnapshot> {
    this.#producer.flushPartials();
    this.#deliver();
    const frozen = this.chains.map((chain) => chain.freeze(checkpointId));
    const operators: (readonly OperatorSnapshot[])[] = [];
    for (const [index, chain] of frozen.entries()) {
      const written = await chain.write(
        this.blobStore,
        `chk-${this.#world.attemptNumber}-${checkpointId}/${index}-`,
      );
      // As JSON, which it is between processes.
      operators.push(JSON.parse(JSON.stringify(written.operators)) as readonly OperatorSnapshot[]);
    }
    for (const chain of this.chains) chain.checkpointCompleted(checkpointId);
    return { checkpointId, watermarkMs: this.#world.watermarkMs, nowMs: this.#world.nowMs, operators };
  }

  async close(): Promise<void> {
    await this.#producer.close();
    for (const chain of this.chains) await chain.close();
  }

  /** Hands over what waits in the channels between producer and operators. */
  #deliver(): void {
    for (const builder of this.#world.builders) builder.flushAll();
    for (const { input, channel, batch } of this.#world.inFlight.splice(0)) {
      // As bytes, which it is between threads and processes.
      this.chains[channel]?.processBatch(input, decodeBatchV1(encodeBatchV1(batch)));
    }
  }
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
class World<T> {
  readonly graph: StreamGraph;
  readonly edges: HarnessEdges;
  readonly blobStore: BlobStore;
  readonly attemptNumber: number;
  readonly inFlight: SentBatch[] = [];
  readonly builders: BatchBuilder[] = [];
  onEmitted: (record: EmittedRecord) => void = () => undefined;
  onPrinted: (line: Omit<OutputLine, 'subtaskIndex'>) => void = () => undefined;
  watermarkMs: number;
  nowMs: number;
  readonly #options: ChainHarnessOptions<T>;
  readonly #nodeIds: readonly number[];
  #creditLooks = 0;

  constructor(options: ChainHarnessOptions<T>) {
    this.#options = options;
    const { graph, names } = buildGraph(options.operators);
    this.graph = graph;
    this.#nodeIds = graph.nodes.filter((node) => node.id > 1 && !names.has(node.id)).map((node) => node.id);
    this.edges = edgesOf(graph, { tested: this.#nodeIds, names });
    this.blobStore = options.blobStore ?? new MemoryBlobStore();
    this.attemptNumber = options.attemptNumber ?? 1;
    this.watermarkMs = options.restore?.watermarkMs ?? -Infinity;
    this.nowMs = options.restore?.nowMs ?? 0;
  }

  producerEnvironment(): ChainEnvironment {
    const outputs = this.edges.inputs.map((edge, index) => this.#channelOutput(edge, index));
    return {
      ...this.#environment(SOURCE_VERTEX, { nodeIds: [0, 1], subtaskIndex: 0, parallelism: 1 }),
      inputEdges: [],
      outputs,
    };
  }

  testedEnvironment(subtaskIndex: number): ChainEnvironment {
    const { parallelism } = this.#options;
    return {
      ...this.#environment(TESTED_VERTEX, { nodeIds: this.#nodeIds, subtaskIndex, parallelism }),
      inputEdges: this.edges.inputs,
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
    const cacheEntriesMax = options.cacheEntriesMax ?? this.graph.options.stateCacheEntriesMax;
    const graph = {
      ...this.graph,
      options: { ...this.graph.options, stateCacheEntriesMax: cacheEntriesMax },
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
      openKeyValueStore: async () => new MemoryKeyValueStore(),
      hasCredit: () => options.refusesCredit !== true || ++this.#creditLooks % 2 === 0,
      print: (line: Omit<OutputLine, 'subtaskIndex'>) => this.onPrinted(line),
      ...(options.freezesRecords === undefined ? {} : { freezeRecords: options.freezesRecords }),
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

/** The graph: 0 source of stamped records, 1 map to their values, the operators under test, and an end for each output. */
function buildGraph<T>(operators: OperatorsUnderTest<T>): {
  readonly graph: StreamGraph;
  readonly names: ReadonlyMap<number, string>;
} {
  const outputs: string[] = [];
  const job = defineJob('harness', (env) => {
    const input = env
      .source(fromArray<Stamped<T>>([]))
      .watermarks(monotonous((stamped) => stamped.atMs))
      .map((stamped) => stamped.value as never) as unknown as DataStream<T>;
    const built = operators(input);
    if (built === undefined) return;
    const streams = isStream(built) ? { main: built } : built;
    for (const [name, stream] of Object.entries(streams)) {
      outputs.push(name);
      stream.forEach(() => undefined);
    }
  });
  const graph = job.plan(SUBMISSION);
  const first = graph.nodes.length - outputs.length;
  return { graph, names: new Map(outputs.map((name, index) => [first + index, name])) };
}

function isStream(built: TestedStream | { readonly [output: string]: TestedStream }): built is TestedStream {
  return typeof built.forEach === 'function';
}

function edgesOf(
  graph: StreamGraph,
  of: { readonly tested: readonly number[]; readonly names: ReadonlyMap<number, string> },
): HarnessEdges {
  const tested = new Set(of.tested);
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
      if (input.from === 1 && tested.has(node.id)) {
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
        checkChained(node, input.partitioning);
      }
    }
  }
  return { inputs, outputs };
}

function checkChained(node: StreamNode, partitioning: string): void {
  if (node.id <= 1 || partitioning === 'forward') return;
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
