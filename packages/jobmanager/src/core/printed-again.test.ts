import { expect, test } from 'vitest';
import type { CheckpointMetadata, JobGraph, OutputLine } from '@millrace/proto';
import { staysPrinted } from './printed-again.ts';

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
  const stays = staysPrinted(jobGraph(3), metadata);
  expect([line(PRINT, 0, 4), line(PRINT, 0, 5), line(PRINT, 1, 6), line(PRINT, 1, 7)].map(stays)).toEqual([
    true,
    false,
    true,
    false,
  ]);
});

test('lines of subtasks that the checkpoint does not have, and of other operators, stay', () => {
  const stays = staysPrinted(jobGraph(3), metadata);
  expect([line(PRINT, 2, 100), line(OTHER, 0, 9)].map(stays)).toEqual([true, true]);
});

test('with the parallelism of the checkpoint all stay: their numbers show what is printed again', () => {
  const stays = staysPrinted(jobGraph(2), metadata);
  expect([line(PRINT, 0, 5), line(PRINT, 1, 100)].map(stays)).toEqual([true, true]);
});
