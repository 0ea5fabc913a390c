// StreamGraph → JobGraph: which operators run together in one vertex, with how many subtasks, and how vertices connect.
import { asJobVertexId, hashId, invariant, type JobVertexId } from '@millrace/common';
import type {
  JobEdge,
  JobGraph,
  JobVertex,
  StreamEdgeJson,
  StreamGraphJson,
  StreamNodeJson,
} from '@millrace/proto';
import { checkParallelism, invalidGraph, nodeReference, validateGraph } from './validate-graph.ts';

const VERTEX_NAME_LENGTH_MAX = 120;

/** How parallel a graph is to be, beyond what it says itself. */
export interface WantedParallelism {
  /** As submitted: of nodes that set none, in a job that sets none. `auto` counts also when the job sets one. */
  readonly parallelism?: number | 'auto';
  /** Asked for later: of nodes that set none, whatever the job sets. */
  readonly rescaled?: number | 'auto';
  /** Asked for later, by uid: whatever the node sets. */
  readonly operators?: { readonly [uid: string]: number };
  /** With `auto`: how many subtasks nodes have that set none, and others at most. Default 1. */
  readonly slots?: number;
}

/**
 * Compiles a graph. Pure: the same graph and parallelism give the same JobGraph.
 *
 * A node's parallelism is what was asked for it, else its own, else that of all others: what was asked for them, the job's,
 * the submission's, 1. A node is chained to its producer when
 * it has exactly one input, that input is `forward`, both have the same parallelism, neither is asynchronous and chaining is
 * on; so a chain is a tree. `forward` between different parallelism becomes `rebalance`. Each source gets an enumerator vertex upstream.
 * @throws {MillraceError} MR_GRAPH_INVALID that names the operator and what is wrong with it
 */
export function compileJobGraph(graph: StreamGraphJson, wanted: WantedParallelism = {}): JobGraph {
  validateGraph(graph);
  if (typeof wanted.parallelism === 'number') checkParallelism(wanted.parallelism, 'the submission');
  const parallelism = nodeParallelism(graph, wanted);
  const heads = chainHeads(graph, parallelism);
  const vertices = buildVertices(graph, parallelism, heads);
  checkKeyGroups(graph, parallelism);
  return {
    version: 1,
    name: graph.name,
    keyGroupCount: graph.options.keyGroupCount,
    vertices,
    edges: buildEdges(graph, parallelism, heads),
    slotCount: vertices.reduce((most, vertex) => Math.max(most, vertex.parallelism), 1),
    streamGraph: graph,
  };
}

/** True for a graph that has as many slots as there are. */
export function isAutoParallel(graph: StreamGraphJson, wanted: WantedParallelism): boolean {
  return (wanted.rescaled ?? wanted.parallelism ?? graph.options.parallelism) === 'auto';
}

function nodeParallelism(graph: StreamGraphJson, wanted: WantedParallelism): readonly number[] {
  const { slots = 1, operators = {} } = wanted;
  if (isAutoParallel(graph, wanted)) {
    const most = Math.min(slots, graph.options.keyGroupCount);
    return graph.nodes.map((node) => Math.min(operators[node.uid] ?? node.parallelism ?? most, most));
  }
  const given = [wanted.rescaled, graph.options.parallelism, wanted.parallelism];
  const fallback = given.find((each) => typeof each === 'number') ?? 1;
  return graph.nodes.map((node) => operators[node.uid] ?? node.parallelism ?? fallback);
}

/** Head of the chain that each node is in. A head's number is the least of its chain. */
function chainHeads(graph: StreamGraphJson, parallelism: readonly number[]): readonly number[] {
  const heads: number[] = [];
  for (const node of graph.nodes) {
    const edge = node.inputs[0];
    const isChained =
      edge !== undefined && isChainable(graph, node, edge) && parallelism[edge.from] === parallelism[node.id];
    heads.push(isChained ? at(heads, edge.from) : node.id);
  }
  return heads;
}

function isChainable(graph: StreamGraphJson, node: StreamNodeJson, edge: StreamEdgeJson): boolean {
  return (
    graph.options.isChainingEnabled &&
    node.inputs.length === 1 &&
    edge.partitioning === 'forward' &&
    !standsAlone(node) &&
    !standsAlone(nodeAt(graph, edge.from))
  );
}

/** Watermarks wait in it for results, which a chain that hands them from operator to operator could not. */
function standsAlone({ kind }: StreamNodeJson): boolean {
  return kind === 'asyncWait';
}

/** Keyed operators need a key group for each subtask. */
function checkKeyGroups(graph: StreamGraphJson, parallelism: readonly number[]): void {
  for (const node of graph.nodes) {
    const isKeyed = node.inputs.some((edge) => edge.partitioning === 'hash');
    if (isKeyed && at(parallelism, node.id) > graph.options.keyGroupCount) {
      throw invalidGraph(
        `${nodeReference(node)} has the parallelism ${at(parallelism, node.id)}, and its keys fall into ${graph.options.keyGroupCount} key groups; lower the parallelism or raise keyGroupCount`,
      );
    }
  }
}

/** In the order of their heads, which is topological: only a chain's head has inputs from other vertices. */
function buildVertices(
  graph: StreamGraphJson,
  parallelism: readonly number[],
  heads: readonly number[],
): readonly JobVertex[] {
  const vertices: JobVertex[] = [];
  for (const head of graph.nodes) {
    if (heads[head.id] !== head.id) continue;
    const members = graph.nodes.filter((node) => heads[node.id] === head.id);
    if (head.kind === 'source') {
      vertices.push({
        vertexId: enumeratorIdOf(head),
        name: `${head.name} (splits)`,
        role: 'enumerator',
        nodeIds: [head.id],
        parallelism: 1,
      });
    }
    vertices.push({
      vertexId: vertexIdOf(head),
      name: chainName(members),
      role: head.kind === 'source' ? 'source' : 'operator',
      nodeIds: members.map((node) => node.id),
      parallelism: at(parallelism, head.id),
    });
  }
  return vertices;
}

function chainName(members: readonly StreamNodeJson[]): string {
  const named = members.filter((node) => node.isImplicit !== true);
  const name = (named.length === 0 ? members : named).map((node) => node.name).join(' -> ');
  return name.length <= VERTEX_NAME_LENGTH_MAX ? name : `${name.slice(0, VERTEX_NAME_LENGTH_MAX - 1)}…`;
}

function buildEdges(
  graph: StreamGraphJson,
  parallelism: readonly number[],
  heads: readonly number[],
): readonly JobEdge[] {
  const edges: JobEdge[] = [];
  for (const node of graph.nodes) {
    if (heads[node.id] !== node.id) continue;
    if (node.kind === 'source') {
      edges.push({
        edgeId: edges.length,
        fromVertex: enumeratorIdOf(node),
        fromNode: node.id,
        toVertex: vertexIdOf(node),
        toNode: node.id,
        partitioning: 'assignment',
        isPreAggregated: false,
      });
    }
    for (const edge of node.inputs) {
      const isResized = edge.partitioning === 'forward' && parallelism[edge.from] !== parallelism[node.id];
      edges.push({
        edgeId: edges.length,
        fromVertex: vertexIdOf(nodeAt(graph, at(heads, edge.from))),
        fromNode: edge.from,
        toVertex: vertexIdOf(node),
        toNode: node.id,
        partitioning: isResized ? 'rebalance' : edge.partitioning,
        isPreAggregated: edge.isPreAggregated ?? false,
        ...(edge.sideOutput === undefined ? {} : { sideOutput: edge.sideOutput }),
      });
    }
  }
  return edges;
}

function vertexIdOf(head: StreamNodeJson): JobVertexId {
  return asJobVertexId(hashId(`vertex/${head.uid}`));
}

function enumeratorIdOf(source: StreamNodeJson): JobVertexId {
  return asJobVertexId(hashId(`enumerator/${source.uid}`));
}

function nodeAt(graph: StreamGraphJson, id: number): StreamNodeJson {
  const node = graph.nodes[id];
  invariant(node !== undefined, 'node id outside of the graph');
  return node;
}

function at(values: readonly number[], index: number): number {
  const value = values[index];
  invariant(value !== undefined, 'node id outside of the graph');
  return value;
}
