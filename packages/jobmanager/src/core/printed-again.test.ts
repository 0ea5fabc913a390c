import { expect, test } from 'vitest';
import {
  OUTPUT_LINES_OF_ATTEMPT,
  type CheckpointMetadata,
  type JobGraph,
  type JobVertex,
  type OutputLine,
} from '@millrace/proto';
import type { RestorePlan } from '../execution-graph/execution-graph.ts';
import { countingAnew, printedAgain, printedFromStart } from './printed-again.ts';

const PRINT = 3;
const OTHER = 2;

const jobGraph = (parallelism: number): JobGraph =>
  ({
    vertices: [{ nodeIds: [OTHER, PRINT], parallelism }],
    streamGraph: {
      nodes: [
        { id: OTHER, kind: 'map' },
        { id: PRINT, kind: 'print' },
      ],
    },
  }) as unknown as JobGraph;

/** Two subtasks, which had counted to 5 and 7. */
const metadata = {
  vertices: [
    {
      subtasks: [5, 7].map((sequence, subtaskIndex) => ({
        subtaskIndex,
        operators: [
          { nodeId: OTHER, inline: { sequence: 1 } },
          { nodeId: PRINT, inline: { sequence } },
        ],
      })),
    },
  ],
} as unknown as CheckpointMetadata;

const line = (nodeId: number, subtaskIndex: number, sequence: number): OutputLine => ({
  nodeId,
  subtaskIndex,
  sequence,
  form: 'row',
  text: '',
});

test('with another parallelism, lines from behind the checkpoint are printed again; those before it are not', () => {
  const { stays } = printedAgain(jobGraph(3), metadata, []);
  expect([line(PRINT, 0, 4), line(PRINT, 0, 5), line(PRINT, 1, 6), line(PRINT, 1, 7)].map(stays)).toEqual([
    true,
    false,
    true,
    false,
  ]);
});

test('lines of subtasks that the checkpoint does not have, and of other operators, stay', () => {
  const { stays } = printedAgain(jobGraph(3), metadata, []);
  expect([line(PRINT, 2, 100), line(OTHER, 0, 9)].map(stays)).toEqual([true, true]);
});

test('with the parallelism of the checkpoint all stay: their numbers show what is printed again', () => {
  const { stays, anew } = printedAgain(jobGraph(2), metadata, [line(PRINT, 0, 6)]);
  expect([line(PRINT, 0, 5), line(PRINT, 1, 100)].map(stays)).toEqual([true, true]);
  expect(anew.size).toBe(0);
});

test('with the parallelism of the checkpoint, after an attempt that had another one, subtasks count anew, and what that printed goes', () => {
  const later = 9 * OUTPUT_LINES_OF_ATTEMPT;
  const lines = [line(PRINT, 0, 4), line(PRINT, 0, later), line(PRINT, 2, later), line(OTHER, 2, later)];
  const { stays, anew } = printedAgain(jobGraph(2), metadata, lines);
  expect(lines.map(stays)).toEqual([true, false, false, true]);
  const vertex = {} as JobVertex;
  const operators = [PRINT, OTHER].map((nodeId) => ({ nodeId, inline: { parallelism: 2, sequence: 5 } }));
  const plan = {
    checkpointId: 1,
    restoreOf: () => ({ snapshots: [{ operators }] }),
  } as unknown as RestorePlan;
  expect(countingAnew(plan, anew).restoreOf(vertex, 0)?.snapshots[0]?.operators).toMatchObject([
    { nodeId: PRINT, inline: { parallelism: 0, sequence: 5 } },
    { nodeId: OTHER, inline: { parallelism: 2 } },
  ]);
});

test('of prints that an attempt restores nothing of, all lines are printed again', () => {
  const lines = [line(PRINT, 0, 4), line(PRINT, 1, 0), line(OTHER, 0, 0)];
  expect(lines.map(printedFromStart(jobGraph(2), undefined))).toEqual([false, false, true]);
  expect(lines.map(printedFromStart(jobGraph(2), metadata))).toEqual([true, true, true]);
  const savepoint = { vertices: [] } as unknown as CheckpointMetadata;
  expect(lines.map(printedFromStart(jobGraph(2), savepoint))).toEqual([false, false, true]);
});
