// What the queries read and write of events in files.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { writeEventFile } from '../../examples/nexmark/event-file.mjs';

test('a file has just as many events as were asked for: the first ones', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-nexmark-'));
  try {
    const path = join(directory, 'events.jsonl');
    const golden = new URL('../../packages/connectors/nexmark/src/golden/events-60.jsonl', import.meta.url);
    await writeEventFile(path, { events: 60 });
    expect(readFileSync(path, 'utf8')).toBe(readFileSync(golden, 'utf8'));
    await expect(writeEventFile(path, { events: 1.5 })).rejects.toThrow('`events`');
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});

test('write-events.mjs says how it is used', () => {
  const file = fileURLToPath(new URL('../../examples/nexmark/write-events.mjs', import.meta.url));
  const { status, stdout, stderr } = spawnSync(process.execPath, [file, '--help'], { encoding: 'utf8' });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  for (const option of ['--out', '--events', '--eventRate', '--seed', '--disorder'])
    expect(stdout).toContain(option);
});
