// Deployments without a JobManager: a source chain, and behind a hash edge, if there is one, a second chain.
import { asJobId, asJobVertexId, executionAttemptId } from '@millrace/common';
import type {
  ArtifactManifest,
  ChannelDescriptor,
  JobEdge,
  JobVertex,
  SlotDeployment,
  StreamGraphJson,
  SubmissionContext,
  SubtaskLocation,
} from '@millrace/proto';

export const JOB_ID = asJobId('1'.repeat(32));

export interface PlanByHand {
  readonly graph: StreamGraphJson;
  readonly artifact: ArtifactManifest;
  readonly submission: SubmissionContext;
  readonly checkpointDirectory: string;
  /** One slot for each subtask. */
  readonly slots: readonly SubtaskLocation[];
  readonly attemptNumber?: number;
}

/** What each slot is told to run. */
export function deploymentsOf(plan: PlanByHand): readonly SlotDeployment[] {
  const { graph, slots, attemptNumber = 1 } = plan;
  const { vertices, edges } = verticesOf(graph, slots.length);
  const locate = (subtask: number): SubtaskLocation =>
    slots[subtask] ?? { taskManagerId: '', slotIndex: -1, dataAddress: '' };
  const channels = (edge: JobEdge): ChannelDescriptor[] =>
    range(edge.partitioning === 'assignment' ? 1 : slots.length).flatMap((producerSubtask) =>
      range(slots.length).map((consumerSubtask) => ({
        edgeId: edge.edgeId,
        producerSubtask,
        consumerSubtask,
        producer: locate(producerSubtask),
        consumer: locate(consumerSubtask),
      })),
    );
  return slots.map((slot, subtaskIndex) => ({
    jobId: JOB_ID,
    jobName: graph.name,
    runId: 'run',
    leaderEpoch: 1,
    attemptNumber,
    linkSecret: '',
    regions: [0],
    slotIndex: slot.slotIndex,
    mode: 'run',
    artifact: plan.artifact,
    submission: plan.submission,
    streamGraph: graph,
    options: graph.options,
    checkpointDirectory: plan.checkpointDirectory,
    subtasks: vertices
      .filter(({ parallelism }) => parallelism > subtaskIndex)
      .map((vertex) => {
        const inputEdges = edges.filter(({ toVertex }) => toVertex === vertex.vertexId);
        const outputEdges = edges.filter(({ fromVertex }) => fromVertex === vertex.vertexId);
        return {
          vertex,
          subtaskIndex,
          executionAttemptId: executionAttemptId(vertex.vertexId, subtaskIndex, attemptNumber),
          inputEdges,
          outputEdges,
          inputChannels: inputEdges
            .flatMap(channels)
            .filter(({ consumerSubtask }) => consumerSubtask === subtaskIndex),
          outputChannels: outputEdges
            .flatMap(channels)
            .filter(({ producerSubtask }) => producerSubtask === subtaskIndex),
          restore: [],
        };
      }),
    parallelismOf: Object.fromEntries(vertices.map(({ vertexId, parallelism }) => [vertexId, parallelism])),
  }));
}

function verticesOf(
  graph: StreamGraphJson,
  parallelism: number,
): { readonly vertices: readonly JobVertex[]; readonly edges: readonly JobEdge[] } {
  const ids = graph.nodes.map(({ id }) => id);
  const second = graph.nodes.find(({ inputs }) => inputs[0]?.partitioning === 'hash')?.id ?? ids.length;
  const vertex = (
    digit: string,
    role: JobVertex['role'],
    nodeIds: readonly number[],
    count: number,
  ): JobVertex => ({
    vertexId: asJobVertexId(digit.repeat(32)),
    name: role,
    role,
    nodeIds,
    parallelism: count,
  });
  const enumerator = vertex('a', 'enumerator', [0], 1);
  const source = vertex('b', 'source', ids.slice(0, second), parallelism);
  const edges: JobEdge[] = [
    {
      edgeId: 0,
      fromVertex: enumerator.vertexId,
      fromNode: 0,
      toVertex: source.vertexId,
      toNode: 0,
      partitioning: 'assignment',
      isPreAggregated: false,
    },
  ];
  if (second === ids.length) return { vertices: [enumerator, source], edges };
  const keyed = vertex('c', 'operator', ids.slice(second), parallelism);
  const input = graph.nodes[second]?.inputs[0];
  edges.push({
    edgeId: 1,
    fromVertex: source.vertexId,
    fromNode: input?.from ?? 0,
    toVertex: keyed.vertexId,
    toNode: second,
    partitioning: 'hash',
    isPreAggregated: input?.isPreAggregated ?? false,
  });
  return { vertices: [enumerator, source, keyed], edges };
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}
