// What the queries read and write of events in files.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, test } from 'vitest';
import { writeEventFile } from '../../examples/nexmark/event-file.mjs';
import { timeOf } from '../../examples/nexmark/event-file-source.ts';

const zone = process.env['TZ'];
afterEach(() => {
  if (zone === undefined) delete process.env['TZ'];
  else process.env['TZ'] = zone;
});

test.each([
  [1_767_225_600_123, 123],
  ['1767225600123', 123],
  ['2026-01-01T00:00:00.123Z', 123],
  ['2026-01-01T00:00:00.123456Z', 123],
  ['2026-01-01T01:00:00.123+01:00', 123],
  ['2026-01-01T01:30+0130', 0],
  ['2025-12-31 23:00:00-01', 0],
  ['2026-01-01T00:00:00Z', 0],
  // Without an offset: as Flink and DuckDB write it.
  ['2026-01-01T00:00:00.123', 123],
  ['2026-01-01 00:00:00.123', 123],
  ['2026-01-01T00:00', 0],
  ['2026-01-01', 0],
])('%s is read as the same time, wherever the machine is', (time, ms) => {
  for (const place of ['UTC', 'America/New_York', 'Asia/Kolkata']) {
    process.env['TZ'] = place;
    expect(timeOf(time), place).toBe(1_767_225_600_000 + ms);
  }
});

test.each(['', 'yesterday', '2026-13-01T00:00:00Z', '1767225600', '1767225600123 ms', null, undefined])(
  '%s is refused as a time',
  (time) => {
    expect(() => timeOf(time as string)).toThrow('as a time');
  },
);

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
