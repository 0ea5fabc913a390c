// Makes the tasks of a slot from its deployment: channels, outputs, chains, one task a subtask.
import { keyGroupRange, MillraceError } from '@millrace/common';
import type { ConnectorContext, StreamGraph, StreamNode, WatermarkSpec } from '@millrace/api';
import type { OperatorSnapshot, SubtaskDeployment } from '@millrace/proto';
import { ResultPartition } from '../channel/result-partition.ts';
import type { ChainEnvironment, OperatorChain } from '../chain/operator-chain.ts';
import { ChainDriver } from '../task/chain-driver.ts';
import { EnumeratorTask } from '../task/enumerator-task.ts';
import { SourceTask, type SourceOperator } from '../task/source-task.ts';
import { inheritReaderState } from '../task/source-state.ts';
import { StreamTask } from '../task/stream-task.ts';
import type { TaskContext } from '../task/task-context.ts';
import type { Task } from '../task/task.ts';
import type { PrintedLines } from './printed-lines.ts';
import type { SlotChannels } from './slot-channels.ts';

/** Background work of a chain, such as writing a snapshot, waits so long between its slices: until what is due has had its turn. */
const SLICE_PAUSE_MS = 0;

export type OpenChain = (environment: ChainEnvironment) => Promise<OperatorChain>;

export interface TaskFactoryOptions {
  readonly graph: StreamGraph;
  readonly channels: SlotChannels;
  readonly lines: PrintedLines;
  readonly openChain: OpenChain;
}

/**
 * Opens the task of one subtask: its chain restores its state and commits what the restored checkpoint left.
 * @throws {MillraceError} MR_GRAPH_MISMATCH when the deployment names a node that the graph does not have
 */
export async function openTask(context: TaskContext, options: TaskFactoryOptions): Promise<Task> {
  const { subtask } = context;
  switch (subtask.vertex.role) {
    case 'enumerator':
      return openEnumerator(context, options);
    case 'source':
      return openSource(context, options);
    case 'operator': {
      const channels = options.channels.inputsOf(subtask);
      const driver = await openDriver(context, options, {});
      return new StreamTask({ context, driver, channels });
    }
  }
}

function openEnumerator(context: TaskContext, options: TaskFactoryOptions): Task {
  const { subtask } = context;
  const { node, operator } = sourceOf(options.graph, subtask);
  const channels = subtask.outputEdges.flatMap((edge) => options.channels.outputsOf(subtask, edge.edgeId));
  return new EnumeratorTask({
    context,
    source: operator.source,
    sourceNodeId: node.id,
    sourceUid: node.uid,
    connectorContext: { ...connectorContext(context), parallelism: channels.length },
    channels,
  });
}

async function openSource(context: TaskContext, options: TaskFactoryOptions): Promise<Task> {
  const { subtask } = context;
  const { node, operator } = sourceOf(options.graph, subtask);
  const [channel] = options.channels.inputsOf(subtask);
  if (channel === undefined) {
    throw new MillraceError(
      'MR_PROTOCOL',
      `Cannot read "${node.name}": the deployment has no channel from its enumerator`,
    );
  }
  const task = new SourceTask({
    context,
    operator,
    connectorContext: connectorContext(context),
    channel,
    start: inheritReaderState(subtask.restore, {
      nodeId: node.id,
      subtaskIndex: subtask.subtaskIndex,
      parallelism: subtask.vertex.parallelism,
    }),
    startWatermarkMs: subtask.restoredWatermarkMs ?? -Infinity,
    watermarks: watermarksOf(options.graph, subtask),
  });
  task.bind(await openDriver(context, options, { snapshotSource: () => task.snapshot() }));
  return task;
}

async function openDriver(
  context: TaskContext,
  options: TaskFactoryOptions,
  source: Pick<ChainEnvironment, 'snapshotSource'>,
): Promise<ChainDriver> {
  const { subtask, deployment, ports } = context;
  const { vertex, subtaskIndex, executionAttemptId } = subtask;
  const partitions = subtask.outputEdges.map(
    (edge) =>
      new ResultPartition({
        edge,
        channels: options.channels.outputsOf(subtask, edge.edgeId),
        codegenId: `${deployment.jobId}/${vertex.vertexId}/${edge.edgeId}`,
      }),
  );
  const startWatermarkMs = subtask.restoredWatermarkMs ?? -Infinity;
  const chain = await options.openChain({
    graph: options.graph,
    deployment,
    vertex,
    subtaskIndex,
    executionAttemptId,
    keyGroupRange: keyGroupRange({
      keyGroupCount: deployment.options.keyGroupCount,
      parallelism: vertex.parallelism,
      subtaskIndex,
    }),
    inputEdges: subtask.inputEdges,
    inputChannels: options.channels.originsOf(subtask),
    outputs: partitions,
    restore: snapshotsByNode(subtask),
    restoredWatermarkMs: startWatermarkMs,
    clock: ports.clock,
    files: ports.files,
    log: ports.log.withContext({ component: 'chain', executionAttemptId }),
    blobStore: ports.blobStore,
    openKeyValueStore: (name) => ports.openKeyValueStore(name),
    asynchronous: {
      await: (promise, onValue, onError) => context.mailbox.await(promise, onValue, onError),
      put: (call) => context.mailbox.put(call),
      schedule: (delayMs, call) => ports.timers.schedule(delayMs, () => context.mailbox.put(call)),
    },
    yieldToTask: () => new Promise((resolve) => void ports.timers.schedule(SLICE_PAUSE_MS, resolve)),
    hasCredit: () => partitions.every((partition) => partition.hasCredit),
    print: options.lines.of(subtaskIndex),
    ...source,
  });
  return new ChainDriver({ context, chain, partitions, startWatermarkMs });
}

function connectorContext({ deployment, subtask, ports }: TaskContext): ConnectorContext {
  return {
    files: ports.files,
    baseDirectory: deployment.submission.baseDirectory,
    jobName: deployment.jobName,
    subtaskIndex: subtask.subtaskIndex,
    parallelism: subtask.vertex.parallelism,
  };
}

function snapshotsByNode(subtask: SubtaskDeployment): ReadonlyMap<number, readonly OperatorSnapshot[]> {
  const byNode = new Map<number, OperatorSnapshot[]>();
  for (const snapshot of subtask.restore) {
    for (const operator of snapshot.operators) {
      const known = byNode.get(operator.nodeId);
      if (known === undefined) byNode.set(operator.nodeId, [operator]);
      else known.push(operator);
    }
  }
  return byNode;
}

function nodesOf(graph: StreamGraph, subtask: SubtaskDeployment): StreamNode[] {
  return subtask.vertex.nodeIds.map((id) => {
    const node = graph.nodes.find((candidate) => candidate.id === id);
    if (node !== undefined) return node;
    throw new MillraceError(
      'MR_GRAPH_MISMATCH',
      `Cannot run vertex "${subtask.vertex.name}": the program has no node ${id}`,
    );
  });
}

function sourceOf(
  graph: StreamGraph,
  subtask: SubtaskDeployment,
): { readonly node: StreamNode; readonly operator: SourceOperator } {
  const [node] = nodesOf(graph, subtask);
  if (node?.operator.kind === 'source') return { node, operator: node.operator };
  throw new MillraceError(
    'MR_GRAPH_MISMATCH',
    `Cannot run vertex "${subtask.vertex.name}": its head is not a source`,
  );
}

/** Strategy of the source, or of the last chained node that assigns event time. */
function watermarksOf(graph: StreamGraph, subtask: SubtaskDeployment): WatermarkSpec | undefined {
  let watermarks: WatermarkSpec | undefined;
  for (const { operator } of nodesOf(graph, subtask)) {
    if (operator.kind === 'source' || operator.kind === 'watermarks')
      watermarks = operator.watermarks ?? watermarks;
  }
  return watermarks;
}
