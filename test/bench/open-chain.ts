// Opens the operators of a source vertex by themselves, without a slot around them.
import { tmpdir } from 'node:os';
import {
  asJobId,
  executionAttemptId,
  keyGroupRange,
  MillraceError,
  silentLogger,
  type BlobStore,
} from '@millrace/common';
import { DirectoryBlobStore, nodeFilePort, realClock } from '@millrace/common/node';
import { describeStreamGraph, type JobDefinition } from '@millrace/api';
import { compileJobGraph } from '@millrace/jobmanager';
import type { JobEdge } from '@millrace/proto';
import { openOperatorChain, type ChainOutput, type OperatorChain } from '@millrace/runtime';

const SUBMISSION = { args: [], params: {}, environment: {}, baseDirectory: tmpdir() };

export interface OpenedChain {
  readonly job: JobDefinition;
  /** Makes it one of several jobs. */
  readonly ordinal: number;
  /** Takes what leaves the vertex. */
  readonly outputOf?: (edge: JobEdge) => ChainOutput;
}

/** The chain of the job's source, as one subtask has it that keeps no state. */
export async function openSourceChain({ job, ordinal, outputOf }: OpenedChain): Promise<OperatorChain> {
  const graph = job.plan(SUBMISSION);
  const streamGraph = describeStreamGraph(graph);
  const { vertices, edges, keyGroupCount } = compileJobGraph(streamGraph, { parallelism: 1 });
  const vertex = vertices.find(({ role }) => role === 'source');
  if (vertex === undefined) throw new MillraceError('MR_INTERNAL', 'The job has no source vertex');
  const jobId = asJobId(String(ordinal).padStart(32, '0'));
  const noBlobs: BlobStore = new DirectoryBlobStore(tmpdir());
  return openOperatorChain({
    graph,
    vertex,
    subtaskIndex: 0,
    deployment: {
      jobId,
      jobName: job.name,
      runId: 'bench',
      leaderEpoch: 1,
      attemptNumber: 1,
      linkSecret: '',
      regions: [0],
      slotIndex: 0,
      mode: 'run',
      artifact: { version: 1, entry: '', files: [] },
      submission: SUBMISSION,
      streamGraph,
      options: streamGraph.options,
      checkpointDirectory: tmpdir(),
      subtasks: [],
      parallelismOf: { [vertex.vertexId]: 1 },
    },
    executionAttemptId: executionAttemptId(vertex.vertexId, 0, 1),
    keyGroupRange: keyGroupRange({ keyGroupCount, parallelism: 1, subtaskIndex: 0 }),
    inputEdges: edges.filter((edge) => edge.toVertex === vertex.vertexId),
    outputs:
      outputOf === undefined ? [] : edges.filter((edge) => edge.fromVertex === vertex.vertexId).map(outputOf),
    restore: new Map(),
    restoredWatermarkMs: -Infinity,
    clock: realClock,
    files: nodeFilePort,
    log: silentLogger,
    blobStore: noBlobs,
    openKeyValueStore: () => Promise.reject(new MillraceError('MR_INTERNAL', 'These chains keep no state')),
    asynchronous: {
      await: () => undefined,
      put: () => undefined,
      schedule: () => ({ cancel: () => undefined }),
    },
    hasCredit: () => true,
    print: () => undefined,
  });
}
