// As much of a compiler as tests of slots need: nodes that take one forward input are chained behind it,
// unless one of both is asynchronous.
import type { StreamGraph, StreamNode } from '@millrace/api';
import type { JobEdge, JobVertex } from '@millrace/proto';
import { vertex, type TestJob } from './slot-harness.testing.ts';

export function compileTestJob(graph: StreamGraph, parallelism: number): TestJob {
  const parallelismOf = (node: StreamNode): number => node.parallelism ?? parallelism;
  const chains: number[][] = [];
  const chainOf = new Map<number, number[]>();
  for (const node of graph.nodes) {
    const [input] = node.inputs;
    const producer = input === undefined ? undefined : graph.nodes[input.from];
    const isChained =
      node.inputs.length === 1 &&
      input?.partitioning === 'forward' &&
      producer !== undefined &&
      node.operator.kind !== 'asyncWait' &&
      producer.operator.kind !== 'asyncWait' &&
      parallelismOf(producer) === parallelismOf(node);
    const chain = isChained ? (chainOf.get(input.from) ?? []) : [];
    if (!isChained) chains.push(chain);
    chain.push(node.id);
    chainOf.set(node.id, chain);
  }
  const vertexOf = new Map<number[], JobVertex>();
  const vertices: JobVertex[] = [];
  const edges: JobEdge[] = [];
  for (const chain of chains) {
    const head = graph.nodes[chain[0] ?? -1];
    if (head === undefined) throw new Error('an empty chain');
    const isSource = head.operator.kind === 'source';
    const own = vertex(isSource ? 'source' : 'operator', chain, parallelismOf(head));
    vertexOf.set(chain, own);
    if (isSource) {
      const enumerator = vertex('enumerator', [head.id], 1);
      vertices.push(enumerator);
      edges.push({
        edgeId: edges.length,
        fromVertex: enumerator.vertexId,
        fromNode: head.id,
        toVertex: own.vertexId,
        toNode: head.id,
        partitioning: 'assignment',
        isPreAggregated: false,
      });
    }
    vertices.push(own);
    for (const input of head.inputs) {
      const from = vertexOf.get(chainOf.get(input.from) ?? []);
      if (from === undefined) throw new Error('a producer behind its consumer');
      edges.push({
        edgeId: edges.length,
        fromVertex: from.vertexId,
        fromNode: input.from,
        toVertex: own.vertexId,
        toNode: head.id,
        partitioning: input.partitioning,
        isPreAggregated: input.isPreAggregated ?? false,
        ...(input.sideOutput === undefined ? {} : { sideOutput: input.sideOutput }),
      });
    }
  }
  return { graph, vertices, edges };
}
