import { expect, test } from 'vitest';
import { compileJobGraph } from '../compiler/compile-job-graph.ts';
import { forward, graph, hash, keyedGraph, node, twoRegionGraph } from '../test-kit/graphs.testing.ts';
import { groupRegions, pipelinedRegions } from './regions.ts';

/** Three pipelines of parallelism 1, 3 and 2. */
const three = compileJobGraph(
  graph([
    node(0, 'source', [], { parallelism: 1 }),
    node(1, 'source', [], { parallelism: 3 }),
    node(2, 'source', [], { parallelism: 2 }),
    node(3, 'sink', [forward(0)], { parallelism: 1 }),
    node(4, 'sink', [hash(1)], { parallelism: 2 }),
    node(5, 'sink', [forward(2)], { parallelism: 2 }),
  ]),
);

const names = (vertices: readonly { readonly name: string }[]): readonly string[] =>
  vertices.map(({ name }) => name);

test('a job whose vertices are all connected is one region, enumerator included', () => {
  const jobGraph = compileJobGraph(keyedGraph({ parallelism: 2 }));
  expect(pipelinedRegions(jobGraph)).toHaveLength(1);
  expect(groupRegions(jobGraph, 9)).toEqual([{ regions: [0], jobGraph }]);
});

test('vertices that an edge connects are in one region, however long the way', () => {
  const jobGraph = compileJobGraph(
    graph([
      node(0, 'source'),
      node(1, 'source'),
      node(2, 'print', [hash(0)]),
      node(3, 'print', [hash(1)]),
      node(4, 'union', [hash(0), hash(1)]),
      node(5, 'print', [forward(4)]),
    ]),
  );
  expect(pipelinedRegions(jobGraph)).toHaveLength(1);
});

test('regions are numbered by their first vertices, whatever the parallelism', () => {
  expect(pipelinedRegions(three).map(names)).toEqual([
    ['source 0 (splits)', 'source 0 -> sink 3'],
    ['source 1 (splits)', 'source 1', 'sink 4'],
    ['source 2 (splits)', 'source 2 -> sink 5'],
  ]);
  const first = (parallelism: number): readonly unknown[] =>
    pipelinedRegions(compileJobGraph(twoRegionGraph({ parallelism }))).map(([vertex]) => vertex?.name);
  expect(first(1)).toEqual(first(3));
});

test('with slots for all, each region is a group of its own', () => {
  const groups = groupRegions(three, 6);
  expect(groups.map(({ regions, jobGraph }) => [regions, jobGraph.slotCount])).toEqual([
    [[1], 3],
    [[2], 2],
    [[0], 1],
  ]);
  expect(names(groups[0]?.jobGraph.vertices ?? [])).toEqual(['source 1 (splits)', 'source 1', 'sink 4']);
  expect(groups[0]?.jobGraph.edges).toHaveLength(2);
  expect(groups[0]?.jobGraph.streamGraph).toBe(three.streamGraph);
});

test('with fewer slots the smallest share, and with the fewest all do', () => {
  const shapes = (slots: number) =>
    groupRegions(three, slots).map(({ regions, jobGraph }) => [regions, jobGraph.slotCount]);
  expect(shapes(5)).toEqual([
    [[1], 3],
    [[0, 2], 2],
  ]);
  expect(shapes(4)).toEqual([[[0, 1, 2], 3]]);
  expect(shapes(0)).toEqual([[[0, 1, 2], 3]]);
  for (const slots of [3, 0])
    expect(groupRegions(three, slots)).toEqual([{ regions: [0, 1, 2], jobGraph: three }]);
});
