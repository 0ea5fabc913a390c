// Slots of one job in one process under virtual time, with as much of a JobManager as tests of slots need.
import {
  asJobId,
  asJobVertexId,
  executionAttemptId,
  Prng,
  silentLogger,
  type ExecutionAttemptId,
  type FilePort,
  type KeyValueStore,
  type WireError,
} from '@millrace/common';
import type { StreamGraph } from '@millrace/api';
import type {
  BarrierMode,
  ChannelDescriptor,
  JobEdge,
  JobOptionsJson,
  JobVertex,
  OutputLine,
  SlotDeployment,
  SubtaskDeployment,
  SubtaskMetrics,
  SubtaskSnapshot,
} from '@millrace/proto';
import { MemoryBlobStore, MemoryNetwork, VirtualTime } from '@millrace/testing';
import { SlotRuntime, type SlotRuntimeOptions } from './slot-runtime.ts';
import type { SlotReportBody } from './slot-ports.ts';

export const testOptions: JobOptionsJson = {
  autoScaling: { settlingMs: 2_000, minIntervalMs: 10_000, lossWaitMs: 3_000 },
  keyGroupCount: 720,
  checkpointTimeoutMs: 60_000,
  checkpointMinPauseMs: 0,
  checkpointsRetainedMax: 3,
  checkpointFailuresTolerated: 0,
  checkpointMode: 'exactly-once',
  isStateKeptOnCancel: false,
  bufferTimeoutMs: 10,
  isChainingEnabled: true,
  restart: { type: 'none' },
  prepareTimeoutMs: 120_000,
  stateCacheEntriesMax: 1000,
  stateCacheBytesMax: 1_000_000,
  areNumbersWeighed: false,
};

export interface TestJob {
  readonly graph: StreamGraph;
  readonly vertices: readonly JobVertex[];
  readonly edges: readonly JobEdge[];
}

/** A vertex whose id is made from its first node, unless it is an enumerator. */
export function vertex(role: JobVertex['role'], nodeIds: readonly number[], parallelism: number): JobVertex {
  const prefix = role === 'enumerator' ? 'e' : 'a';
  const vertexId = asJobVertexId(`${prefix}${nodeIds.join('').padStart(31, '0')}`);
  return { vertexId, name: `${role} ${nodeIds.join(',')}`, role, nodeIds, parallelism };
}

export interface CompletedCheckpoint {
  readonly checkpointId: number;
  readonly snapshots: ReadonlyMap<
    ExecutionAttemptId,
    { readonly vertex: JobVertex; readonly snapshot: SubtaskSnapshot }
  >;
}

export interface TestClusterOptions {
  readonly job: TestJob;
  readonly time?: VirtualTime;
  readonly blobStore?: MemoryBlobStore;
  readonly attemptNumber?: number;
  readonly restore?: CompletedCheckpoint;
  /** Number of slots; subtask i runs in slot i modulo this. Unset: the greatest parallelism. */
  readonly slotCount?: number;
  readonly delayMs?: () => number;
  readonly files?: FilePort;
  readonly options?: Partial<JobOptionsJson>;
  readonly mode?: SlotDeployment['mode'];
  readonly openKeyValueStore?: (name: string) => Promise<KeyValueStore>;
  readonly slot: Omit<SlotRuntimeOptions, 'deployment' | 'graph' | 'ports'>;
}

const noFiles = new Proxy({} as FilePort, {
  get: (_target, name) => () => Promise.reject(new Error(`no files in this test: ${String(name)}`)),
});

/** One attempt of a job. `run` goes on until nothing is left to do. */
export class TestCluster {
  readonly time: VirtualTime;
  readonly blobStore: MemoryBlobStore;
  readonly network: MemoryNetwork;
  readonly slots: SlotRuntime[] = [];
  readonly reports: SlotReportBody[] = [];
  readonly lines: OutputLine[] = [];
  readonly completed: CompletedCheckpoint[] = [];
  readonly commitAcknowledgements: number[] = [];
  readonly metrics = new Map<string, SubtaskMetrics>();
  failure: WireError | undefined;
  endedCount = 0;
  readonly #options: TestClusterOptions;
  readonly #vertexOf = new Map<ExecutionAttemptId, JobVertex>();
  readonly #acknowledged = new Map<number, Map<ExecutionAttemptId, SubtaskSnapshot>>();
  #nextCheckpointId: number;

  private constructor(options: TestClusterOptions) {
    this.#options = options;
    this.time = options.time ?? new VirtualTime();
    this.blobStore = options.blobStore ?? new MemoryBlobStore();
    this.network = new MemoryNetwork({
      timers: this.time,
      monotonicMs: () => this.time.monotonicMs(),
      ...(options.delayMs === undefined ? {} : { delayMs: options.delayMs }),
    });
    this.#nextCheckpointId = (options.restore?.checkpointId ?? 0) + 1;
  }

  static async start(options: TestClusterOptions): Promise<TestCluster> {
    const cluster = new TestCluster(options);
    for (const deployment of cluster.#deployments()) {
      cluster.slots.push(
        await SlotRuntime.open({
          ...options.slot,
          deployment,
          graph: options.job.graph,
          ports: cluster.#ports(),
        }),
      );
    }
    return cluster;
  }

  get subtaskCount(): number {
    return this.#vertexOf.size;
  }

  /** Triggers a checkpoint and returns its id. */
  trigger(mode: BarrierMode = 'continue'): number {
    const checkpointId = this.#nextCheckpointId++;
    const completedCheckpointId = this.completed.at(-1)?.checkpointId ?? 0;
    const trigger = { checkpointId, timestampMs: this.time.nowMs(), completedCheckpointId, mode };
    for (const slot of this.slots) slot.triggerCheckpoint(trigger);
    return checkpointId;
  }

  /** Gives a checkpoint up, as the JobManager does when it failed. */
  abort(checkpointId: number): void {
    for (const slot of this.slots) slot.checkpointAborted(checkpointId);
  }

  async run(): Promise<void> {
    await this.time.runUntilIdle({ isDone: () => this.failure !== undefined });
  }

  async cancel(): Promise<void> {
    await Promise.all(this.slots.map((slot) => slot.cancel()));
  }

  #ports(): SlotRuntimeOptions['ports'] {
    return {
      clock: this.time,
      timers: this.time,
      random: new Prng(1),
      log: silentLogger,
      blobStore: this.blobStore,
      openKeyValueStore:
        this.#options.openKeyValueStore ?? (() => Promise.reject(new Error('no store in this test'))),
      files: this.#options.files ?? noFiles,
      network: this.network,
      report: (report) => this.#onReport(report),
    };
  }

  #onReport(report: SlotReportBody): void {
    this.reports.push(report);
    switch (report.kind) {
      case 'slot-failed':
        this.failure ??= report.error;
        return;
      case 'end-of-input':
        this.endedCount++;
        return;
      case 'commit-acknowledged':
        this.commitAcknowledgements.push(report.checkpointId);
        return;
      case 'output':
        this.lines.push(...report.lines);
        return;
      case 'metrics':
        for (const metrics of report.subtasks)
          this.metrics.set(`${metrics.vertexId}/${metrics.subtaskIndex}`, metrics);
        return;
      case 'checkpoint-acknowledged':
        this.#onAcknowledged(report.checkpointId, report.executionAttemptId, report.snapshot);
        return;
      default:
        return;
    }
  }

  #onAcknowledged(checkpointId: number, attempt: ExecutionAttemptId, snapshot: SubtaskSnapshot): void {
    const known = this.#acknowledged.get(checkpointId) ?? new Map<ExecutionAttemptId, SubtaskSnapshot>();
    if (known.has(attempt)) throw new Error(`checkpoint ${checkpointId} acknowledged twice by ${attempt}`);
    known.set(attempt, JSON.parse(JSON.stringify(snapshot)) as SubtaskSnapshot);
    this.#acknowledged.set(checkpointId, known);
    if (known.size < this.#vertexOf.size) return;
    const snapshots = new Map(
      [...known].map(([id, each]) => {
        const owner = this.#vertexOf.get(id);
        if (owner === undefined) throw new Error(`unknown attempt ${id}`);
        return [id, { vertex: owner, snapshot: each }] as const;
      }),
    );
    this.completed.push({ checkpointId, snapshots });
    for (const slot of this.slots) slot.checkpointCompleted(checkpointId);
  }

  #deployments(): SlotDeployment[] {
    const { job, attemptNumber = 1, restore, mode = 'run' } = this.#options;
    const slotCount =
      this.#options.slotCount ?? Math.max(...job.vertices.map(({ parallelism }) => parallelism));
    const { name, options } = job.graph;
    return Array.from({ length: slotCount }, (_, slotIndex): SlotDeployment => ({
      jobId: asJobId('0123456789abcdef0123456789abcdef'),
      jobName: name,
      runId: 'run',
      leaderEpoch: 1,
      attemptNumber,
      linkSecret: '',
      regions: [0],
      slotIndex,
      mode,
      artifact: { version: 1, entry: 'job.mjs', files: [] },
      submission: { args: [], params: {}, environment: {}, baseDirectory: '/' },
      streamGraph: { version: 1, name, options, nodes: [] },
      options: { ...options, ...this.#options.options },
      checkpointDirectory: '/checkpoints',
      parallelismOf: Object.fromEntries(job.vertices.map((each) => [each.vertexId, each.parallelism])),
      ...(restore === undefined ? {} : { restoredCheckpointId: restore.checkpointId }),
      subtasks: job.vertices.flatMap((each) =>
        Array.from({ length: each.parallelism }, (_unused, index) => index)
          .filter((index) => index % slotCount === slotIndex)
          .map((index) => this.#subtask(each, index, slotCount)),
      ),
    }));
  }

  #subtask(of: JobVertex, subtaskIndex: number, slotCount: number): SubtaskDeployment {
    const { job, attemptNumber = 1, restore } = this.#options;
    const attempt = executionAttemptId(of.vertexId, subtaskIndex, attemptNumber);
    this.#vertexOf.set(attempt, of);
    const inputEdges = job.edges.filter((edge) => edge.toVertex === of.vertexId);
    const outputEdges = job.edges.filter((edge) => edge.fromVertex === of.vertexId);
    const old = [...(restore?.snapshots.values() ?? [])].filter(
      (each) => each.vertex.vertexId === of.vertexId,
    );
    const restoredMs = Math.min(...old.map(({ snapshot }) => snapshot.watermarkMs ?? -Infinity));
    return {
      vertex: of,
      subtaskIndex,
      executionAttemptId: attempt,
      inputEdges,
      outputEdges,
      inputChannels: inputEdges
        .flatMap((edge) => this.#channels(edge, slotCount))
        .filter((each) => each.consumerSubtask === subtaskIndex),
      outputChannels: outputEdges
        .flatMap((edge) => this.#channels(edge, slotCount))
        .filter((each) => each.producerSubtask === subtaskIndex),
      restore: old.map(({ snapshot }) => snapshot),
      ...(old.length > 0 && Number.isFinite(restoredMs) ? { restoredWatermarkMs: restoredMs } : {}),
    };
  }

  #channels(edge: JobEdge, slotCount: number): ChannelDescriptor[] {
    const parallelismOf = (id: string): number =>
      this.#options.job.vertices.find((each) => each.vertexId === id)?.parallelism ?? 0;
    const location = (index: number) => ({
      taskManagerId: 'tm',
      slotIndex: index % slotCount,
      dataAddress: '',
    });
    const channels: ChannelDescriptor[] = [];
    for (let producerSubtask = 0; producerSubtask < parallelismOf(edge.fromVertex); producerSubtask++) {
      for (let consumerSubtask = 0; consumerSubtask < parallelismOf(edge.toVertex); consumerSubtask++) {
        if (edge.partitioning === 'forward' && producerSubtask !== consumerSubtask) continue;
        channels.push({
          edgeId: edge.edgeId,
          producerSubtask,
          consumerSubtask,
          producer: location(producerSubtask),
          consumer: location(consumerSubtask),
        });
      }
    }
    return channels;
  }
}
