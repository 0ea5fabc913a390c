import { expect, test } from 'vitest';
import { asJobId } from '@millrace/common';
import type { JobState, JobStatus } from '@millrace/proto';
import { findJob } from './context.ts';
import { readable } from './logs.ts';
import { parseParams } from './submission.ts';

function job(id: string, name: string, state: JobState, startTimeMs: number): JobStatus {
  return {
    jobId: asJobId(id.padEnd(32, '0')),
    name,
    state,
    startTimeMs,
    parallelism: 1,
    restartCount: 0,
    attemptNumber: 1,
    checkpoints: { completedCount: 0, failedCount: 0 },
    vertices: [],
    recordsRead: 0,
    watermarkMs: null,
    stateBytes: 0,
  };
}

const jobs = [
  job('aa1', 'etl', 'FINISHED', 1),
  job('aa2', 'etl', 'RUNNING', 2),
  job('b', 'twice', 'RUNNING', 3),
  job('c', 'twice', 'RUNNING', 4),
];

test('a job is named by id, unique prefix or name; the one that runs is meant before one that has ended', () => {
  expect(findJob(jobs, 'aa1'.padEnd(32, '0')).startTimeMs).toBe(1);
  expect(findJob(jobs, 'b').startTimeMs).toBe(3);
  expect(findJob(jobs, 'etl').startTimeMs).toBe(2);
});

test('what fits no job or several is refused with a code', () => {
  expect(() => findJob(jobs, 'zzz')).toThrow(expect.objectContaining({ code: 'MR_JOB_NOT_FOUND' }));
  expect(() => findJob(jobs, 'aa')).toThrow(expect.objectContaining({ code: 'MR_JOB_AMBIGUOUS' }));
  expect(() => findJob(jobs, 'twice')).toThrow(expect.objectContaining({ code: 'MR_JOB_AMBIGUOUS' }));
});

test('parameters are given with a space, with = or as a flag', () => {
  expect(parseParams(['--input', 'a.csv', '--rate=5', '--fast', '--', 'x'])).toEqual({
    input: 'a.csv',
    rate: '5',
    fast: 'true',
  });
  expect(Object.keys(parseParams(['--__proto__', '1']))).toEqual(['__proto__']);
});

test('a log line of JSON is shown for people, any other as it is', () => {
  expect(
    readable('{"level":40,"time":0,"pid":1,"component":"jobmanager","jobId":"x","msg":"slot lost"}'),
  ).toBe('1970-01-01T00:00:00.000Z WARN  jobmanager slot lost jobId=x');
  expect(
    readable(
      '{"level":40,"time":0,"component":"jobmanager","error":{"code":"MR_IO","message":"No disk","stack":"at"},"msg":"x"}',
    ),
  ).toBe('1970-01-01T00:00:00.000Z WARN  jobmanager x error="MR_IO: No disk"');
  expect(readable('plain text')).toBe('plain text');
});
