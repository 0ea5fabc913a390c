import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { findLoggedJob, mergedLines } from './merged-logs.ts';

let directory = '';
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'millrace-logs-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

function file(name: string, lines: readonly string[]): string {
  const path = join(directory, name);
  writeFileSync(path, lines.map((line) => `${line}\n`).join(''));
  return path;
}

test('Lines of several logs come in the order of their times, and one without a time behind the one before it', async () => {
  const jobManager = file('jobmanager.log', ['{"time":10,"msg":"a"}', '{"time":40,"msg":"d"}', 'half {']);
  const taskManager = file('taskmanager-1.log', [
    'starts',
    '{"time":20,"msg":"b"}',
    '    at a stack',
    '{"time":30,"msg":"c"}',
  ]);
  const lines: string[] = [];
  for await (const line of mergedLines([jobManager, taskManager, file('empty.log', [])])) lines.push(line);
  expect(lines).toEqual([
    'starts',
    '{"time":10,"msg":"a"}',
    '{"time":20,"msg":"b"}',
    '    at a stack',
    '{"time":30,"msg":"c"}',
    '{"time":40,"msg":"d"}',
    'half {',
  ]);
});

test('A job is found in the logs by its name, the newest first, or by a prefix of its id', async () => {
  const submitted = (time: number, jobId: string, name: string): string =>
    JSON.stringify({ time, jobId, name, msg: 'job submitted' });
  const path = file('jobmanager.log', [
    submitted(1, 'aa11', 'words'),
    submitted(2, 'aa22', 'words'),
    submitted(3, 'bb33', 'flights'),
    JSON.stringify({ time: 4, name: 'other', jobId: 'cc44', msg: 'says "job submitted"' }),
  ]);
  expect(await findLoggedJob([path], 'words')).toBe('aa22');
  expect(await findLoggedJob([path], 'bb')).toBe('bb33');
  expect(await findLoggedJob([path], 'other')).toBeUndefined();
  await expect(findLoggedJob([path], 'aa')).rejects.toMatchObject({ code: 'MR_JOB_AMBIGUOUS' });
});
