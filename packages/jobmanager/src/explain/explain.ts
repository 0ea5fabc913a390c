// The plan of a job for people and tools: StreamGraph, JobGraph and where its subtasks would run.
import { describeDuration } from '@millrace/common';
import type {
  JobEdge,
  JobGraph,
  JobVertex,
  RestartStrategyJson,
  StreamGraphJson,
  StreamNodeJson,
} from '@millrace/proto';
import { groupRegions } from '../execution-graph/regions.ts';
import { compileJobGraph } from '../compiler/compile-job-graph.ts';
import { operatorOptionLines } from './option-lines.ts';
import { textTable } from './text-table.ts';

export type ExplainFormat = 'text' | 'json' | 'mermaid';

export interface ExplainOptions {
  readonly format?: ExplainFormat;
  /** As it would be given at submission. */
  readonly parallelism?: number | 'auto';
}

/**
 * Returns the plan of a job.
 * @throws {MillraceError} MR_GRAPH_INVALID
 */
export function explain(graph: StreamGraphJson, options: ExplainOptions = {}): string {
  const jobGraph = compileJobGraph(
    graph,
    options.parallelism === undefined ? {} : { parallelism: options.parallelism },
  );
  switch (options.format ?? 'text') {
    case 'json':
      return JSON.stringify(explainJson(jobGraph), undefined, 2);
    case 'mermaid':
      return explainMermaid(jobGraph);
    default:
      return explainText(jobGraph);
  }
}

function explainText(jobGraph: JobGraph): string {
  const { streamGraph, vertices, edges } = jobGraph;
  const own = streamGraph.nodes.filter((node) => node.isImplicit !== true);
  const operatorOptions = operatorOptionLines(own);
  const label = vertexLabels(vertices);
  const operators = own.map((node) => [
    String(node.id),
    node.name,
    node.kind,
    `${node.uid}${node.isUidExplicit ? '' : ' (derived)'}`,
    inputsOf(node),
  ]);
  const chains = vertices.map((vertex) => [
    label(vertex.vertexId),
    vertex.name,
    vertex.role,
    String(vertex.parallelism),
    vertex.nodeIds.filter((id) => own.some((node) => node.id === id)).join(' '),
    slotsOf(vertex),
  ]);
  const connections = edges.map((edge) => [
    `${label(edge.fromVertex)} -> ${label(edge.toVertex)}`,
    partitioningOf(edge),
    String(channelCount(jobGraph, edge)),
  ]);
  return [
    `Job ${jobGraph.name}: ${vertices.length} vertices, ${subtaskCount(jobGraph)} subtasks, ${jobGraph.slotCount} ${jobGraph.slotCount === 1 ? 'slot' : 'slots'}, ${jobGraph.keyGroupCount} key groups`,
    '',
    'Operators',
    ...indent(textTable(['Id', 'Name', 'Kind', 'Uid', 'Inputs'], operators)),
    '',
    ...(operatorOptions.length === 0
      ? []
      : ['Options of operators, where they are not the default', ...indent(operatorOptions), '']),
    'Vertices (operators that run chained in one thread)',
    ...indent(textTable(['Vertex', 'Name', 'Role', 'Parallelism', 'Operators', 'Slots'], chains)),
    '',
    ...regionLines(jobGraph),
    'Edges',
    ...indent(textTable(['Edge', 'Partitioning', 'Channels'], connections)),
    '',
    'Options',
    ...indent(optionLines(streamGraph)),
    '',
  ].join('\n');
}

function explainMermaid({ vertices, edges, streamGraph }: JobGraph): string {
  const label = vertexLabels(vertices);
  const lines = ['flowchart LR'];
  for (const vertex of vertices) {
    const names =
      vertex.role === 'enumerator'
        ? [vertex.name]
        : vertex.nodeIds.flatMap((id) => {
            const node = streamGraph.nodes[id];
            return node === undefined || node.isImplicit === true ? [] : [node.name];
          });
    lines.push(
      `  ${label(vertex.vertexId)}["${names.map(escapeMermaid).join('<br/>')}<br/>x${vertex.parallelism}"]`,
    );
  }
  for (const edge of edges)
    lines.push(
      `  ${label(edge.fromVertex)} -->|${escapeMermaid(partitioningOf(edge))}| ${label(edge.toVertex)}`,
    );
  return `${lines.join('\n')}\n`;
}

function explainJson(jobGraph: JobGraph): unknown {
  const { streamGraph, ...plan } = jobGraph;
  return {
    name: plan.name,
    keyGroupCount: plan.keyGroupCount,
    slotCount: plan.slotCount,
    subtaskCount: subtaskCount(jobGraph),
    regions: groupRegions(jobGraph, Infinity).map(({ jobGraph: { vertices, slotCount } }) => ({
      vertexIds: vertices.map(({ vertexId }) => vertexId),
      slotCount,
    })),
    streamGraph,
    vertices: plan.vertices.map((vertex) => ({
      ...vertex,
      slots: Array.from({ length: vertex.parallelism }, (_, subtaskIndex) => ({
        subtaskIndex,
        slot: subtaskIndex,
      })),
    })),
    edges: plan.edges.map((edge) => ({ ...edge, channelCount: channelCount(jobGraph, edge) })),
  };
}

/** Of a job in several parts that no edge connects: which they are, and what it takes to have them fail apart. */
function regionLines(jobGraph: JobGraph): readonly string[] {
  const groups = groupRegions(jobGraph, Infinity);
  if (groups.length < 2) return [];
  const label = vertexLabels(jobGraph.vertices);
  const slots = groups.reduce((sum, group) => sum + group.jobGraph.slotCount, 0);
  const rows = groups.map((group) => [
    group.jobGraph.vertices.map(({ vertexId }) => label(vertexId)).join(' '),
    String(group.jobGraph.slotCount),
  ]);
  return [
    `Regions (a failure in one restarts no other, when there are ${slots} slots; with fewer they share slots and restart together)`,
    ...indent(textTable(['Vertices', 'Slots'], rows)),
    '',
  ];
}

/** `v1`, `v2`, … in topological order. */
function vertexLabels(vertices: readonly JobVertex[]): (vertexId: string) => string {
  const labels = new Map<string, string>(vertices.map(({ vertexId }, index) => [vertexId, `v${index + 1}`]));
  return (vertexId) => labels.get(vertexId) ?? vertexId;
}

function inputsOf(node: StreamNodeJson): string {
  return node.inputs
    .map(
      (edge) =>
        `${edge.from} ${edge.partitioning}${edge.sideOutput === undefined ? '' : ` (side output ${edge.sideOutput})`}`,
    )
    .join(', ');
}

function slotsOf({ parallelism }: JobVertex): string {
  return parallelism === 1 ? '1' : `1 to ${parallelism}`;
}

function partitioningOf(edge: JobEdge): string {
  return `${edge.partitioning}${edge.isPreAggregated ? ', pre-aggregated' : ''}${edge.sideOutput === undefined ? '' : `, side output ${edge.sideOutput}`}`;
}

function channelCount({ vertices }: JobGraph, edge: JobEdge): number {
  const parallelism = (vertexId: string): number =>
    vertices.find((vertex) => vertex.vertexId === vertexId)?.parallelism ?? 0;
  return edge.partitioning === 'forward'
    ? parallelism(edge.toVertex)
    : parallelism(edge.fromVertex) * parallelism(edge.toVertex);
}

function subtaskCount({ vertices }: JobGraph): number {
  return vertices.reduce((sum, { parallelism }) => sum + parallelism, 0);
}

/** Where records go that fail and that the program does nothing with. */
function deadLetterLines(nodes: readonly StreamNodeJson[]): readonly string[] {
  const sinks = new Set(nodes.flatMap((node) => (node.isImplicit === true ? [node.options['sink']] : [])));
  return [...sinks].map((sink) =>
    typeof sink === 'string' ? `dead letters    ${sink.replace(/^dead letters /, '')}` : '',
  );
}

function optionLines({ options, nodes }: StreamGraphJson): readonly string[] {
  const interval = options.checkpointIntervalMs;
  const pause = options.checkpointMinPauseMs === 0 ? '' : `, pause ${options.checkpointMinPauseMs} ms`;
  const onCancel = options.isStateKeptOnCancel ? 'kept' : 'deleted';
  return [
    `checkpoints     ${options.checkpointMode}, ${interval === undefined ? 'one at the end' : `every ${interval} ms`}${pause}, time-out ${options.checkpointTimeoutMs} ms, ${options.checkpointFailuresTolerated} failures in a row tolerated`,
    `                ${options.checkpointsRetainedMax} retained, ${onCancel} when the job is cancelled`,
    `restart         ${restartText(options.restart)}`,
    `buffer timeout  ${options.bufferTimeoutMs} ms`,
    `state cache     ${stateCacheText(options)}, a subtask`,
    ...deadLetterLines(nodes),
  ];
}

function stateCacheText({
  stateCacheEntriesMax: entries,
  stateCacheBytesMax: bytes,
  areNumbersWeighed,
}: StreamGraphJson['options']): string {
  if (entries === undefined && bytes === undefined) return 'its share of the memory';
  const entriesText = entries === undefined ? 'its share of the heap' : `${entries} entries`;
  const room = bytes === undefined ? 'its share of the memory' : `${Math.ceil(bytes / 1024 ** 2)} MiB`;
  return `${entriesText}, or ${room} of packed rows${areNumbersWeighed ? ' and numbers' : ''}`;
}

function restartText(restart: RestartStrategyJson): string {
  switch (restart.type) {
    case 'none':
      return 'none';
    case 'fixed-delay':
      return `after ${describeDuration(restart.delayMs)}, ${restart.attemptsMax} times`;
    case 'failure-rate':
      return `after ${describeDuration(restart.delayMs)}, at most ${restart.failuresMax} times in ${describeDuration(restart.intervalMs)}`;
    default: {
      const { initialMs, maxMs, multiplier, jitter, resetAfterMs, attemptsMax } = restart;
      return `at once, then after ${describeDuration(initialMs)} to ${describeDuration(maxMs)} (x${multiplier}, jitter ${jitter}), anew after ${describeDuration(resetAfterMs)} without failure; at most ${attemptsMax} in a row without a checkpoint`;
    }
  }
}

function escapeMermaid(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('"', '&quot;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('|', '&#124;');
}

function indent(lines: readonly string[]): readonly string[] {
  return lines.map((line) => `  ${line}`);
}
