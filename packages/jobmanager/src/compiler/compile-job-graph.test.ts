import type { StreamGraphJson } from '@millrace/proto';
import { expect, test } from 'vitest';
import { forward, graph, hash, keyedGraph, node } from '../test-kit/graphs.testing.ts';
import { compileJobGraph } from './compile-job-graph.ts';

/** Vertices as `role nodes xparallelism`. */
function shape(streamGraph: StreamGraphJson, parallelism?: number): readonly string[] {
  return compileJobGraph(streamGraph, parallelism === undefined ? {} : { parallelism }).vertices.map(
    (v) => `${v.role} ${v.nodeIds.join(',')} x${v.parallelism}`,
  );
}

/** Edges as `from>to partitioning`, by node. */
function edges(streamGraph: StreamGraphJson, parallelism?: number): readonly string[] {
  return compileJobGraph(streamGraph, parallelism === undefined ? {} : { parallelism }).edges.map(
    (e) => `${e.fromNode}>${e.toNode} ${e.partitioning}`,
  );
}

test('a source gets an enumerator, forward edges are chained and a hash edge begins a vertex', () => {
  expect(shape(keyedGraph(), 2)).toEqual(['enumerator 0 x1', 'source 0,1 x2', 'operator 2,3 x2']);
  expect(edges(keyedGraph(), 2)).toEqual(['0>0 assignment', '1>2 hash']);
});

test('a chain may be a tree: all forward consumers of an operator join it', () => {
  const tree = graph([
    node(0, 'source'),
    node(1, 'map', [forward(0)]),
    node(2, 'sink', [forward(1)]),
    node(3, 'filter', [forward(0)]),
    node(4, 'sink', [forward(3)]),
  ]);
  expect(shape(tree)).toEqual(['enumerator 0 x1', 'source 0,1,2,3,4 x1']);
});

test('parallelism is the node’s, else the job’s, else the submission’s, else 1', () => {
  const own = [node(0, 'source', [], { parallelism: 3 }), node(1, 'print', [hash(0)])];
  expect(shape(graph(own), 2)).toEqual(['enumerator 0 x1', 'source 0 x3', 'operator 1 x2']);
  expect(shape(graph(own, { parallelism: 4 }), 2)).toEqual([
    'enumerator 0 x1',
    'source 0 x3',
    'operator 1 x4',
  ]);
  expect(shape(graph(own))).toEqual(['enumerator 0 x1', 'source 0 x3', 'operator 1 x1']);
  expect(compileJobGraph(graph(own, { parallelism: 4 })).slotCount).toBe(4);
});

test('a forward edge between different parallelism becomes rebalance and is not chained', () => {
  const resized = graph(
    [
      node(0, 'source', [], { parallelism: 2 }),
      node(1, 'map', [forward(0)], { parallelism: 3 }),
      node(2, 'sink', [forward(1)]),
    ],
    { parallelism: 3 },
  );
  expect(shape(resized)).toEqual(['enumerator 0 x1', 'source 0 x2', 'operator 1,2 x3']);
  expect(edges(resized)).toEqual(['0>0 assignment', '0>1 rebalance']);
});

test('a union takes its inputs from vertices of their own, and what follows is chained to it', () => {
  const union = graph([
    node(0, 'source'),
    node(1, 'source'),
    node(2, 'union', [forward(0), forward(1)]),
    node(3, 'map', [forward(2)]),
  ]);
  expect(shape(union)).toEqual([
    'enumerator 0 x1',
    'source 0 x1',
    'enumerator 1 x1',
    'source 1 x1',
    'operator 2,3 x1',
  ]);
  expect(edges(union)).toEqual(['0>0 assignment', '1>1 assignment', '0>2 forward', '1>2 forward']);
});

test('without chaining every operator is a vertex and forward edges stay forward', () => {
  expect(shape(keyedGraph({ isChainingEnabled: false }))).toEqual([
    'enumerator 0 x1',
    'source 0 x1',
    'operator 1 x1',
    'operator 2 x1',
    'operator 3 x1',
  ]);
  expect(edges(keyedGraph({ isChainingEnabled: false }))).toEqual([
    '0>0 assignment',
    '0>1 forward',
    '1>2 hash',
    '2>3 forward',
  ]);
});

test('side outputs and pre-aggregation stand on the edges', () => {
  const sides = graph([
    node(0, 'source'),
    node(1, 'window', [{ from: 0, partitioning: 'hash', isPreAggregated: true }]),
    node(2, 'print', [{ from: 1, partitioning: 'rebalance', sideOutput: 'late' }]),
  ]);
  expect(compileJobGraph(sides).edges[1]).toMatchObject({ isPreAggregated: true });
  expect(compileJobGraph(sides).edges[2]).toMatchObject({
    sideOutput: 'late',
    isPreAggregated: false,
    partitioning: 'rebalance',
  });
});

test('vertex ids follow from the uid of the head alone', () => {
  const [, source, keyed] = compileJobGraph(keyedGraph()).vertices;
  const [, sourceAgain, keyedAgain] = compileJobGraph(
    keyedGraph({ parallelism: 4, isChainingEnabled: false }),
  ).vertices.filter((v) => v.nodeIds[0] !== 1);
  expect(source?.vertexId).toMatch(/^[0-9a-f]{32}$/);
  expect(sourceAgain?.vertexId).toBe(source?.vertexId);
  expect(keyedAgain?.vertexId).toBe(keyed?.vertexId);
});

test.each<[string, StreamGraphJson, RegExp]>([
  ['no operators', graph([]), /no operators/],
  ['no source', graph([node(0, 'map', [])]), /operator "map 0" \(uid "map-0"\) has no input/],
  [
    'an input from behind',
    graph([node(0, 'source'), node(1, 'map', [forward(1)])]),
    /"map 1".*does not come before/,
  ],
  [
    'two inputs of a map',
    graph([node(0, 'source'), node(1, 'source'), node(2, 'map', [forward(0), forward(1)])]),
    /has 2 inputs; a union takes several/,
  ],
  [
    'a source with an input',
    graph([node(0, 'source'), node(1, 'source', [forward(0)])]),
    /is a source and cannot have inputs/,
  ],
  [
    'an output of a sink',
    graph([node(0, 'source'), node(1, 'sink', [forward(0)]), node(2, 'map', [forward(1)])]),
    /reads from operator "sink 1".*no output/,
  ],
  [
    'one uid twice',
    graph([node(0, 'source', [], { uid: 'a' }), node(1, 'map', [forward(0)], { uid: 'a' })]),
    /have the same uid/,
  ],
  [
    'a parallelism of 0',
    graph([node(0, 'source', [], { parallelism: 0 })]),
    /"source 0".*parallelism 0; it must be an integer from 1/,
  ],
  [
    'fewer key groups than subtasks',
    keyedGraph({ keyGroupCount: 2, parallelism: 4 }),
    /parallelism 4, and its keys fall into 2 key groups/,
  ],
  [
    'an unknown kind',
    graph([node(0, 'source'), { ...node(1, 'map', [forward(0)]), kind: 'teleport' as never }]),
    /kind "teleport"/,
  ],
])('a graph with %s is refused by name', (_, streamGraph, message) => {
  expect(() => compileJobGraph(streamGraph)).toThrow(
    expect.objectContaining({ code: 'MR_GRAPH_INVALID', message: expect.stringMatching(message) }),
  );
});
