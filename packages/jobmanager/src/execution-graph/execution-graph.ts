// JobGraph → what each slot runs: one subtask of every vertex that is parallel enough, and the channels between them.
import {
  executionAttemptId,
  invariant,
  type ExecutionAttemptId,
  type JobId,
  type JobVertexId,
} from '@millrace/common';
import type {
  ArtifactManifest,
  ChannelDescriptor,
  JobEdge,
  JobGraph,
  JobVertex,
  SlotDeployment,
  SubmissionContext,
  SubtaskDeployment,
  SubtaskLocation,
} from '@millrace/proto';
import type { RestoredVertex } from './restore-plan.ts';

/** One parallel instance of a vertex in this attempt. */
export interface Execution {
  readonly vertex: JobVertex;
  readonly subtaskIndex: number;
  readonly executionAttemptId: ExecutionAttemptId;
  readonly location: SubtaskLocation;
}

/** What all slots of an attempt share. */
export interface AttemptDescription {
  readonly jobId: JobId;
  readonly runId: string;
  readonly leaderEpoch: number;
  readonly attemptNumber: number;
  readonly linkSecret: string;
  readonly regions: readonly number[];
  readonly mode: SlotDeployment['mode'];
  readonly jobGraph: JobGraph;
  readonly artifact: ArtifactManifest;
  readonly submission: SubmissionContext;
  readonly checkpointDirectory: string;
  /** The user named a checkpoint or savepoint to start from. */
  readonly isRestored: boolean;
  readonly restore?: RestorePlan;
}

/** What a restored attempt starts from. */
export interface RestorePlan {
  /** Unset: there is none, and all begins anew. */
  readonly checkpointId?: number;
  /** As in a deployment. */
  readonly printsAnew?: true;
  /** What a subtask restores; undefined for a vertex that was not in the checkpoint. */
  restoreOf(vertex: JobVertex, subtaskIndex: number): RestoredVertex | undefined;
}

/**
 * The parallel plan of one attempt: subtask i of each vertex runs in slot i (slot sharing).
 * Contract: `slots` has at least `jobGraph.slotCount` entries; immutable.
 */
export class ExecutionGraph {
  readonly jobGraph: JobGraph;
  readonly slots: readonly SubtaskLocation[];
  readonly executions: readonly Execution[];
  readonly #attemptNumber: number;

  constructor(jobGraph: JobGraph, slots: readonly SubtaskLocation[], attemptNumber: number) {
    invariant(slots.length >= jobGraph.slotCount, 'an execution graph needs a slot for each subtask');
    this.jobGraph = jobGraph;
    this.slots = slots.slice(0, jobGraph.slotCount);
    this.#attemptNumber = attemptNumber;
    this.executions = jobGraph.vertices.flatMap((vertex) =>
      this.slots.slice(0, vertex.parallelism).map((location, subtaskIndex) => ({
        vertex,
        subtaskIndex,
        location,
        executionAttemptId: executionAttemptId(vertex.vertexId, subtaskIndex, attemptNumber),
      })),
    );
  }

  /** Positions in `slots` that host at least one subtask of a vertex for which `predicate` holds. */
  slotsWith(predicate: (vertex: JobVertex) => boolean): readonly number[] {
    const most = this.jobGraph.vertices.reduce(
      (count, vertex) => (predicate(vertex) ? Math.max(count, vertex.parallelism) : count),
      0,
    );
    return this.slots.slice(0, most).map((_, index) => index);
  }

  /** What the slot at `position` is told to run. `prepare` runs no subtasks, `commit` those with a sink only. */
  deployment(position: number, attempt: AttemptDescription): SlotDeployment {
    const slot = this.slots[position];
    invariant(slot !== undefined, 'slot position outside of the execution graph');
    const { jobGraph, restore } = attempt;
    return {
      jobId: attempt.jobId,
      jobName: jobGraph.name,
      runId: attempt.runId,
      leaderEpoch: attempt.leaderEpoch,
      attemptNumber: attempt.attemptNumber,
      linkSecret: attempt.linkSecret,
      regions: attempt.regions,
      slotIndex: slot.slotIndex,
      mode: attempt.mode,
      artifact: attempt.artifact,
      submission: attempt.submission,
      streamGraph: jobGraph.streamGraph,
      options: jobGraph.streamGraph.options,
      checkpointDirectory: attempt.checkpointDirectory,
      subtasks: this.#verticesIn(position, attempt.mode).map((vertex) =>
        this.#subtask(vertex, position, restore),
      ),
      parallelismOf: Object.fromEntries(
        jobGraph.vertices.map(({ vertexId, parallelism }) => [vertexId, parallelism]),
      ) as {
        readonly [vertexId: JobVertexId]: number;
      },
      ...(restore?.checkpointId === undefined ? {} : { restoredCheckpointId: restore.checkpointId }),
      ...(restore?.printsAnew === undefined ? {} : { printsAnew: restore.printsAnew }),
      ...(attempt.mode === 'prepare' && attempt.isRestored ? { isRestored: true } : {}),
    };
  }

  #verticesIn(position: number, mode: SlotDeployment['mode']): readonly JobVertex[] {
    if (mode === 'prepare') return [];
    return this.jobGraph.vertices.filter(
      (vertex) => vertex.parallelism > position && (mode === 'run' || hasSink(this.jobGraph, vertex)),
    );
  }

  #subtask(vertex: JobVertex, subtaskIndex: number, restore: RestorePlan | undefined): SubtaskDeployment {
    const inputEdges = this.jobGraph.edges.filter((edge) => edge.toVertex === vertex.vertexId);
    const outputEdges = this.jobGraph.edges.filter((edge) => edge.fromVertex === vertex.vertexId);
    const restored = restore?.restoreOf(vertex, subtaskIndex);
    return {
      vertex,
      subtaskIndex,
      executionAttemptId: executionAttemptId(vertex.vertexId, subtaskIndex, this.#attemptNumber),
      inputEdges,
      outputEdges,
      inputChannels: inputEdges.flatMap((edge) => this.#channels(edge, 'consumer', subtaskIndex)),
      outputChannels: outputEdges.flatMap((edge) => this.#channels(edge, 'producer', subtaskIndex)),
      restore: restored?.snapshots ?? [],
      ...(restored?.watermarkMs === undefined ? {} : { restoredWatermarkMs: restored.watermarkMs }),
    };
  }

  /** Channels of an edge that end in this subtask, or begin there, by the other end. `forward` connects equals; all others connect all to all. */
  #channels(edge: JobEdge, end: 'producer' | 'consumer', subtaskIndex: number): readonly ChannelDescriptor[] {
    const isConsumer = end === 'consumer';
    const others = this.#parallelism(isConsumer ? edge.fromVertex : edge.toVertex);
    const channels: ChannelDescriptor[] = [];
    for (let other = 0; other < others; other++) {
      if (edge.partitioning === 'forward' && other !== subtaskIndex) continue;
      const producerSubtask = isConsumer ? other : subtaskIndex;
      const consumerSubtask = isConsumer ? subtaskIndex : other;
      channels.push({
        edgeId: edge.edgeId,
        producerSubtask,
        consumerSubtask,
        producer: this.#location(producerSubtask),
        consumer: this.#location(consumerSubtask),
      });
    }
    return channels;
  }

  #parallelism(vertexId: JobVertexId): number {
    const vertex = this.jobGraph.vertices.find((candidate) => candidate.vertexId === vertexId);
    invariant(vertex !== undefined, 'edge to a vertex outside of the graph');
    return vertex.parallelism;
  }

  #location(position: number): SubtaskLocation {
    const location = this.slots[position];
    invariant(location !== undefined, 'slot position outside of the execution graph');
    return location;
  }
}

/** True for a vertex that holds a sink, and with it transactions to commit. */
export function hasSink(jobGraph: JobGraph, vertex: JobVertex): boolean {
  return (
    vertex.role !== 'enumerator' &&
    vertex.nodeIds.some((id) => jobGraph.streamGraph.nodes[id]?.kind === 'sink')
  );
}

/** True for a job that has a sink. */
export function hasAnySink(jobGraph: JobGraph): boolean {
  return jobGraph.vertices.some((vertex) => hasSink(jobGraph, vertex));
}
