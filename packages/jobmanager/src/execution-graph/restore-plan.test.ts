import { asJobId } from '@millrace/common';
import type {
  CheckpointMetadata,
  CheckpointVertex,
  Json,
  KeyedStateFile,
  OperatorSnapshot,
  SubtaskSnapshot,
} from '@millrace/proto';
import { expect, test } from 'vitest';
import { compileJobGraph } from '../compiler/compile-job-graph.ts';
import { keyedGraph } from '../test-kit/graphs.testing.ts';
import { planRestore } from './restore-plan.ts';

const file = (name: string, ...keyGroups: number[]): KeyedStateFile => ({
  name,
  kind: 'base',
  bytes: 1,
  crc32: 0,
  runs: keyGroups.map((keyGroup) => ({ keyGroup, offset: 0, bytes: 1, entryCount: 1 })),
});

function checkpoint(keyGroupCount = 720): CheckpointMetadata {
  const jobGraph = compileJobGraph(keyedGraph({ parallelism: 2 }));
  const subtask = (vertex: number, subtaskIndex: number, watermarkMs: number | null): SubtaskSnapshot => ({
    subtaskIndex,
    parallelism: vertex === 0 ? 1 : 2,
    watermarkMs,
    newBytes: 0,
    totalBytes: 0,
    operators:
      vertex === 2
        ? [
            {
              nodeId: 2,
              uid: 'window-2',
              keyedFiles: [subtaskIndex === 0 ? file('low', 0, 359) : file('high', 360, 719)],
            },
            { nodeId: 3, uid: 'sink-3', keyedFiles: [], inline: `pending ${subtaskIndex}` },
          ]
        : [
            {
              nodeId: 0,
              uid: 'source-0',
              keyedFiles: [],
              inline: vertex === 0 ? 'splits' : `position ${subtaskIndex}`,
            },
          ],
  });
  const vertices = jobGraph.vertices.map((vertex, index): CheckpointVertex => ({
    ...vertex,
    subtasks: Array.from({ length: vertex.parallelism }, (_, subtaskIndex) =>
      subtask(index, subtaskIndex, index === 2 ? 50 + subtaskIndex : null),
    ),
  }));
  return {
    version: 1,
    jobId: asJobId('0'.repeat(32)),
    jobName: 'test',
    runId: 'r',
    epoch: 1,
    checkpointId: 7,
    timestampMs: 0,
    keyGroupCount,
    isFinal: false,
    vertices,
    output: [],
  };
}

test('a new subtask gets the files that overlap its key groups, all inline state, and the least watermark', () => {
  const jobGraph = compileJobGraph(keyedGraph({ parallelism: 3 }));
  const plan = planRestore(jobGraph, checkpoint());
  const keyed = jobGraph.vertices[2];
  if (keyed === undefined) throw new Error('no vertex');
  const files = [0, 1, 2].map((index) =>
    plan
      .restoreOf(keyed, index)
      ?.snapshots.map(({ operators }) => operators[0]?.keyedFiles.map(({ name }) => name)),
  );
  expect(files).toEqual([
    [['low'], []],
    [['low'], ['high']],
    [[], ['high']],
  ]);
  expect(plan.restoreOf(keyed, 2)?.snapshots.map(({ operators }) => operators[1]?.inline)).toEqual([
    'pending 0',
    'pending 1',
  ]);
  expect(plan.restoreOf(keyed, 2)?.watermarkMs).toBe(50);
});

test('an enumerator and its readers get their own state although they have one uid', () => {
  const jobGraph = compileJobGraph(keyedGraph({ parallelism: 2 }));
  const plan = planRestore(jobGraph, checkpoint());
  const inline = jobGraph.vertices
    .slice(0, 2)
    .map((vertex) => plan.restoreOf(vertex, 0)?.snapshots.map(({ operators }) => operators[0]?.inline));
  expect(inline).toEqual([['splits'], ['position 0', 'position 1']]);
  const [, source] = jobGraph.vertices;
  expect(source === undefined ? undefined : plan.restoreOf(source, 0)?.watermarkMs).toBeUndefined();
});

test('operators are found by uid, whatever their numbers are now', () => {
  const graph = keyedGraph();
  const moved = {
    ...graph,
    nodes: [
      ...graph.nodes.slice(0, 1),
      {
        ...(graph.nodes[1] ?? graph.nodes[0]),
        id: 1,
        uid: 'new',
        name: 'new',
        kind: 'filter',
        inputs: [{ from: 0, partitioning: 'forward' }],
      },
      { ...(graph.nodes[1] ?? graph.nodes[0]), id: 2, inputs: [{ from: 1, partitioning: 'forward' }] },
      { ...(graph.nodes[2] ?? graph.nodes[0]), id: 3, inputs: [{ from: 2, partitioning: 'hash' }] },
      { ...(graph.nodes[3] ?? graph.nodes[0]), id: 4, inputs: [{ from: 3, partitioning: 'forward' }] },
    ],
  } as typeof graph;
  const jobGraph = compileJobGraph(moved);
  const keyed = jobGraph.vertices[2];
  const restored = keyed === undefined ? undefined : planRestore(jobGraph, checkpoint()).restoreOf(keyed, 0);
  expect(restored?.snapshots[0]?.operators.map(({ nodeId, uid }) => [nodeId, uid])).toEqual([
    [3, 'window-2'],
    [4, 'sink-3'],
  ]);
});

test('another number of key groups is refused', () => {
  expect(() => planRestore(compileJobGraph(keyedGraph()), checkpoint(128))).toThrow(
    /it has 128 key groups, the job has 720. Set keyGroupCount to 128/,
  );
});

/** A checkpoint of `checkpoint()` whose last operator is one that the job has no more, with this inline state. */
function withDropped(uid: string, inline: Json): CheckpointMetadata {
  const metadata = checkpoint();
  const dropped: OperatorSnapshot = { nodeId: 4, uid, keyedFiles: [], inline };
  const vertices = metadata.vertices.map((vertex, index) => ({
    ...vertex,
    subtasks: vertex.subtasks.map((subtask) => ({
      ...subtask,
      operators: index === 2 ? [...subtask.operators, dropped] : subtask.operators,
    })),
  }));
  return { ...metadata, vertices };
}

test('a print that is gone, and a sink that is gone with nothing pending, do not keep a checkpoint from being restored', () => {
  const jobGraph = compileJobGraph(keyedGraph());
  for (const inline of [
    { subtaskIndex: 0, sequence: 12 },
    { subtaskIndex: 0, pending: [] },
  ])
    expect(planRestore(jobGraph, withDropped('gone', inline)).checkpointId).toBe(7);
});

test('state of an operator that is gone is refused, with the way out', () => {
  const jobGraph = compileJobGraph(keyedGraph());
  for (const inline of [{ subtaskIndex: 0, pending: [{ checkpointId: 7 }] }, { fired: [] }, ['x'], 'x']) {
    expect(() => planRestore(jobGraph, withDropped('gone', inline))).toThrow(
      `it has state of operator "gone", which the job does not have. "map-1" is probably it now: give it the uid, .uid('gone'). Else put the operator back, or give its state up with --allow-non-restored-state`,
    );
  }
  const graph = keyedGraph();
  const nodes = graph.nodes.map((node) => (node.uid === 'sink-3' ? { ...node, uid: 'output' } : node));
  expect(() => planRestore(compileJobGraph({ ...graph, nodes }), checkpoint())).toThrow(
    `New in the job: "map-1", "output". If one of them is it, give it the uid: .uid('sink-3')`,
  );
});
