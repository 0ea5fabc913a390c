import { expect, test } from 'vitest';
import type { DroppedSample, JobStatus } from '@millrace/proto';
import { droppedOf, droppedText, sampleLines } from './dropped.ts';

function sample(atMs: number, of: Partial<DroppedSample> = {}): DroppedSample {
  return {
    cause: 'deadLettered',
    operator: 'lines',
    subtaskIndex: 0,
    position: `in.jsonl, line ${atMs}`,
    code: 'MR_RECORD_MALFORMED',
    reason: 'Unexpected end\nof JSON input',
    raw: '{"id":1,',
    atMs,
    ...of,
  };
}

const job = {
  vertices: [
    {
      dropped: { late: 2, skipped: 0, deadLettered: 9 },
      droppedSamples: [1, 2, 3, 4, 5].map((atMs) => sample(atMs)),
    },
    {
      dropped: { late: 1 },
      droppedSamples: [
        sample(6, {
          cause: 'late',
          position: '',
          code: '',
          reason: 'its windows have fired',
          raw: 'x'.repeat(500),
        }),
      ],
    },
    { dropped: {} },
  ],
} as unknown as JobStatus;

test('records that were left out are summed up by cause, and all causes are named', () => {
  expect(droppedOf(job)).toEqual({ late: 3, skipped: 0, deadLettered: 9 });
  expect(droppedText({ vertices: [] } as unknown as JobStatus)).toBe('late 0, skipped 0, dead-lettered 0');
});

test('the newest few are shown, each text in one line of bounded length', () => {
  const lines = sampleLines(job);
  expect(lines.slice(0, 5)).toEqual([
    '',
    'Newest records that were left out',
    '  dead-lettered by "lines", subtask 0, at in.jsonl, line 2',
    '    MR_RECORD_MALFORMED: Unexpected end of JSON input',
    '    {"id":1,',
  ]);
  expect(lines.slice(-3)).toEqual([
    '  late by "lines", subtask 0',
    '    its windows have fired',
    `    ${'x'.repeat(120)}…`,
  ]);
  expect(lines.length).toBe(2 + 5 * 3);
  expect(sampleLines({ vertices: [] } as unknown as JobStatus)).toEqual([]);
});
