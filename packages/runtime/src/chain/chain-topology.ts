// Which operators a vertex chains, and what goes where: the vertex's part of the StreamGraph, resolved once.
import { invariant } from '@millrace/common';
import type { StreamEdge, StreamNode } from '@millrace/api';
import type { JobEdge } from '@millrace/proto';
import type { ChainEnvironment, ChainOutput } from './operator-chain.ts';

export interface ChainedConsumer {
  readonly node: ChainNode;
  readonly edge: StreamEdge;
}

export interface OutgoingEdge {
  readonly output: ChainOutput;
  readonly edge: StreamEdge;
  readonly consumer: StreamNode;
}

/** A node of the chain with what is behind it. */
export interface ChainNode {
  readonly node: StreamNode;
  readonly consumers: readonly ChainedConsumer[];
  readonly outputs: readonly OutgoingEdge[];
  /** Edges within the chain that lead here; above 1 its code is called instead of repeated. */
  readonly chainedInputCount: number;
}

export interface ChainInput {
  readonly node: ChainNode;
  readonly edge: StreamEdge;
}

export interface ChainTopology {
  /** In order of node ids, which is topological. */
  readonly nodes: readonly ChainNode[];
  /** One for each input edge of the vertex, in their order; assignment edges are left undefined. */
  readonly inputs: readonly (ChainInput | undefined)[];
  readonly head: ChainNode;
}

interface MutableChainNode extends ChainNode {
  readonly consumers: ChainedConsumer[];
  readonly outputs: OutgoingEdge[];
  chainedInputCount: number;
}

export function chainTopology(environment: ChainEnvironment): ChainTopology {
  const { graph, vertex, inputEdges, outputs } = environment;
  const all = new Map(graph.nodes.map((node) => [node.id, node]));
  const inChain = new Map<number, MutableChainNode>();
  for (const id of [...vertex.nodeIds].sort((a, b) => a - b)) {
    inChain.set(id, { node: nodeOf(all, id), consumers: [], outputs: [], chainedInputCount: 0 });
  }
  for (const consumer of inChain.values()) {
    for (const edge of consumer.node.inputs) {
      const producer = inChain.get(edge.from);
      if (producer === undefined || isNetworkEdge(inputEdges, edge, consumer.node.id)) continue;
      producer.consumers.push({ node: consumer, edge });
      consumer.chainedInputCount++;
    }
  }
  const outputEdges = outputs.map(({ edge }) => edge);
  for (const output of outputs) {
    if (output.edge.partitioning === 'assignment') continue;
    const consumer = nodeOf(all, output.edge.toNode);
    inChain
      .get(output.edge.fromNode)
      ?.outputs.push({ output, consumer, edge: streamEdge(consumer, output.edge, outputEdges) });
  }
  const inputs = inputEdges.map((edge) => {
    const node = edge.partitioning === 'assignment' ? undefined : inChain.get(edge.toNode);
    return node === undefined ? undefined : { node, edge: streamEdge(node.node, edge, inputEdges) };
  });
  const nodes = [...inChain.values()];
  const head = nodes[0];
  invariant(head !== undefined, 'a vertex has no nodes');
  return { nodes, inputs, head };
}

function nodeOf(nodes: ReadonlyMap<number, StreamNode>, id: number): StreamNode {
  const node = nodes.get(id);
  invariant(node !== undefined, 'a node of the job graph is missing from the stream graph');
  return node;
}

function isNetworkEdge(inputEdges: readonly JobEdge[], edge: StreamEdge, consumerId: number): boolean {
  return inputEdges.some(
    (input) =>
      input.toNode === consumerId && input.fromNode === edge.from && input.sideOutput === edge.sideOutput,
  );
}

/**
 * The live edge, with its functions, that an edge of the job graph was made from. Where a node reads one output twice the
 * edges are told apart by their order, which is that of the node's inputs.
 */
function streamEdge(consumer: StreamNode, edge: JobEdge, edges: readonly JobEdge[]): StreamEdge {
  const candidates = consumer.inputs.filter(
    (input) => input.from === edge.fromNode && input.sideOutput === edge.sideOutput,
  );
  const alike = edges.filter(
    ({ toNode, fromNode, sideOutput }) =>
      toNode === edge.toNode && fromNode === edge.fromNode && sideOutput === edge.sideOutput,
  );
  const ordinal = alike.toSorted((a, b) => a.edgeId - b.edgeId).indexOf(edge);
  const found =
    alike.length === candidates.length
      ? candidates[ordinal]
      : (candidates.find((input) => input.partitioning === edge.partitioning) ?? candidates[0]);
  invariant(found !== undefined, 'an edge of the job graph is missing from the stream graph');
  return found;
}
