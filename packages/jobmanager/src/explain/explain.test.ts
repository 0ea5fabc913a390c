import { expect, test } from 'vitest';
import { keyedGraph, twoRegionGraph } from '../test-kit/graphs.testing.ts';
import { explain } from './explain.ts';

test('explain as text has aligned tables of operators, vertices and edges', () => {
  expect(explain(keyedGraph(), { parallelism: 2 }).split('\n').slice(0, 19)).toEqual([
    'Job test: 3 vertices, 5 subtasks, 2 slots, 720 key groups',
    '',
    'Operators',
    '  Id  Name      Kind    Uid                 Inputs',
    '   0  source 0  source  source-0 (derived)',
    '   1  map 1     map     map-1 (derived)     0 forward',
    '   2  window 2  window  window-2 (derived)  1 hash',
    '   3  sink 3    sink    sink-3 (derived)    2 forward',
    '',
    'Vertices (operators that run chained in one thread)',
    '  Vertex  Name                Role        Parallelism  Operators  Slots',
    '  v1      source 0 (splits)   enumerator            1  0          1',
    '  v2      source 0 -> map 1   source                2  0 1        1 to 2',
    '  v3      window 2 -> sink 3  operator              2  2 3        1 to 2',
    '',
    'Edges',
    '  Edge      Partitioning  Channels',
    '  v1 -> v2  assignment           2',
    '  v2 -> v3  hash                 4',
  ]);
});

test('explain says of a job in several regions which they are and how many slots isolate them', () => {
  const text = explain(twoRegionGraph(), { parallelism: 2 }).split('\n');
  const at = text.findIndex((line) => line.startsWith('Regions'));
  expect(text.slice(at, at + 4)).toEqual([
    'Regions (a failure in one restarts no other, when there are 3 slots; with fewer they share slots and restart together)',
    '  Vertices  Slots',
    '  v3 v4 v5      2',
    '  v1 v2         1',
  ]);
});

test('explain as Mermaid escapes names', () => {
  const graph = keyedGraph();
  const named = {
    ...graph,
    nodes: graph.nodes.map((node) => (node.id === 1 ? { ...node, name: 'a "b" <c>' } : node)),
  };
  expect(explain(named, { format: 'mermaid', parallelism: 2 })).toBe(
    [
      'flowchart LR',
      '  v1["source 0 (splits)<br/>x1"]',
      '  v2["source 0<br/>a &quot;b&quot; &lt;c&gt;<br/>x2"]',
      '  v3["window 2<br/>sink 3<br/>x2"]',
      '  v1 -->|assignment| v2',
      '  v2 -->|hash| v3',
      '',
    ].join('\n'),
  );
});

test('explain as JSON has channels and slots', () => {
  const plan = JSON.parse(explain(keyedGraph(), { format: 'json', parallelism: 2 })) as {
    slotCount: number;
    edges: { channelCount: number }[];
  };
  expect(plan).toMatchObject({ slotCount: 2, subtaskCount: 5 });
  expect(plan.edges.map(({ channelCount }) => channelCount)).toEqual([2, 4]);
});

test('the options of operators are named, without defaults', () => {
  const graph = keyedGraph();
  const connector = {
    path: 'data/my flights',
    ifExists: 'replace',
    maxFileBytes: 134_217_728,
    columns: null,
  };
  const assigner = {
    kind: 'tumbling',
    timeDomain: 'event',
    sizeMs: 3_600_000,
    slideMs: 3_600_000,
    offsetMs: 0,
  };
  const options = [{}, {}, { assigner, aggregates: { flights: 'count' } }, { sink: 'sink 3', connector }];
  const described = {
    ...graph,
    nodes: graph.nodes.map((node) => ({ ...node, options: options[node.id] ?? {} })),
  };
  const lines = explain(described, { parallelism: 2 }).split('\n');
  expect(lines.slice(8, 14)).toEqual([
    '',
    'Options of operators, where they are not the default',
    '  2  window 2',
    '       kind=tumbling  sizeMs=3600000  aggregates.flights=count',
    '  3  sink 3',
    '       path="data/my flights"  ifExists=replace',
  ]);
});
