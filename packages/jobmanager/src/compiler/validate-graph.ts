// What a submitted StreamGraph must be before anything is built on it. The client checks as well, but a graph comes from
// outside this process.
import { MillraceError } from '@millrace/common';
import type {
  OperatorKind,
  Partitioning,
  StreamEdgeJson,
  StreamGraphJson,
  StreamNodeJson,
} from '@millrace/proto';

/** Nodes of a graph at most: 1,000 operators, each with a sink for its dead letters. */
const GRAPH_NODES_MAX = 2_000;
/** Subtasks of a vertex at most. */
export const PARALLELISM_MAX = 1_024;
const KEY_GROUP_COUNT_MAX = 32_768;

const KINDS: ReadonlySet<string> = new Set<OperatorKind>([
  'source',
  'map',
  'filter',
  'flatMap',
  'process',
  'coProcess',
  'asyncWait',
  'reduce',
  'aggregate',
  'window',
  'pattern',
  'join',
  'union',
  'staticJoin',
  'percolate',
  'watermarks',
  'sink',
  'forEach',
  'print',
  'groupAggregate',
  'tableAggregate',
  'topN',
  'windowTopN',
  'limit',
  'distinct',
  'deduplicate',
  'normalize',
  'over',
  'sort',
  'upsertMaterialize',
]);
const PARTITIONINGS: ReadonlySet<string> = new Set<Partitioning>([
  'forward',
  'hash',
  'rebalance',
  'broadcast',
  'global',
]);

export function invalidGraph(
  message: string,
  details: Readonly<Record<string, unknown>> = {},
): MillraceError {
  return new MillraceError('MR_GRAPH_INVALID', `Cannot compile the job: ${message}`, { details });
}

/** How a node is called in messages. */
export function nodeReference(node: StreamNodeJson): string {
  return `operator "${node.name}" (uid "${node.uid}")`;
}

/**
 * Checks ids, uids, edges and options.
 * @throws {MillraceError} MR_GRAPH_INVALID that names the operator and what is wrong with it
 */
export function validateGraph(graph: StreamGraphJson): void {
  if (graph.version !== 1)
    throw invalidGraph(
      `its graph has version ${String(graph.version)}, this cluster reads version 1; use the same version of Millrace on both sides`,
    );
  if (graph.nodes.length === 0) throw invalidGraph('it has no operators; build at least a source and a sink');
  if (graph.nodes.length > GRAPH_NODES_MAX)
    throw invalidGraph(`it has ${graph.nodes.length} operators, and at most ${GRAPH_NODES_MAX} are possible`);
  validateOptions(graph);
  const uids = new Map<string, StreamNodeJson>();
  for (const [index, node] of graph.nodes.entries()) {
    if (node.id !== index)
      throw invalidGraph(
        `its operator ${index} has the id ${String(node.id)}; ids count from 0 in the order of building`,
      );
    const other = uids.get(node.uid);
    if (other !== undefined)
      throw invalidGraph(
        `${nodeReference(node)} and ${nodeReference(other)} have the same uid; give each its own`,
        { uid: node.uid },
      );
    uids.set(node.uid, node);
    validateNode(node, graph);
  }
  if (!graph.nodes.some(({ kind }) => kind === 'source')) throw invalidGraph('it has no source');
}

function validateOptions({ options }: StreamGraphJson): void {
  if (!isCount(options.keyGroupCount, KEY_GROUP_COUNT_MAX)) {
    throw invalidGraph(
      `keyGroupCount is ${String(options.keyGroupCount)}; it must be an integer from 1 to ${KEY_GROUP_COUNT_MAX}`,
    );
  }
  if (options.parallelism !== undefined && options.parallelism !== 'auto')
    checkParallelism(options.parallelism, 'the job');
}

function validateNode(node: StreamNodeJson, graph: StreamGraphJson): void {
  const where = nodeReference(node);
  if (typeof node.uid !== 'string' || node.uid === '') throw invalidGraph(`operator ${node.id} has no uid`);
  if (!KINDS.has(node.kind))
    throw invalidGraph(`${where} is of the kind "${String(node.kind)}", which this cluster does not know`);
  if (node.parallelism !== undefined) checkParallelism(node.parallelism, where);
  if (node.kind === 'source' && node.inputs.length > 0)
    throw invalidGraph(`${where} is a source and cannot have inputs`);
  if (node.kind !== 'source' && node.inputs.length === 0) throw invalidGraph(`${where} has no input`);
  if (!takesInputs(node))
    throw invalidGraph(
      `${where} has ${node.inputs.length} inputs; a union takes several, a connected function or a join two, a window two when it joins, a pattern a second one for rules, all others one`,
    );
  for (const edge of node.inputs) validateEdge(edge, node, graph);
}

function takesInputs({ kind, inputs }: StreamNodeJson): boolean {
  if (kind === 'union') return true;
  if (kind === 'coProcess' || kind === 'join' || kind === 'percolate') return inputs.length === 2;
  return inputs.length <= (kind === 'pattern' || kind === 'window' ? 2 : 1);
}

function validateEdge(edge: StreamEdgeJson, node: StreamNodeJson, graph: StreamGraphJson): void {
  const where = nodeReference(node);
  const producer = graph.nodes[edge.from];
  if (producer === undefined || edge.from >= node.id)
    throw invalidGraph(`${where} reads from operator ${String(edge.from)}, which does not come before it`);
  const isEnd = producer.kind === 'sink' || producer.kind === 'forEach' || producer.kind === 'print';
  // What an end fails on goes to a side output.
  if (isEnd && edge.sideOutput === undefined) {
    throw invalidGraph(`${where} reads from ${nodeReference(producer)}, which has no output`);
  }
  if (!PARTITIONINGS.has(edge.partitioning))
    throw invalidGraph(
      `${where} has an input that is partitioned by "${String(edge.partitioning)}", which this cluster does not know`,
    );
}

/** @throws {MillraceError} MR_GRAPH_INVALID unless `parallelism` is an integer from 1 to {@link PARALLELISM_MAX} */
export function checkParallelism(parallelism: number, where: string): void {
  if (!isCount(parallelism, PARALLELISM_MAX)) {
    throw invalidGraph(
      `${where} has the parallelism ${String(parallelism)}; it must be an integer from 1 to ${PARALLELISM_MAX}`,
    );
  }
}

function isCount(value: unknown, max: number): boolean {
  return typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= max;
}
