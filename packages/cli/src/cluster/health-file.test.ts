import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { health } from '../command/health.ts';
import { ClusterDirectory } from './cluster-directory.ts';
import { keepHealthFile, readHealthFiles } from './health-file.ts';

let directory = '';
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'millrace-health-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

test('a process is well while it says so and goes on saying it', () => {
  let isReady = false;
  {
    using _file = keepHealthFile(directory, 'taskmanager-1', () => ({ isReady, detail: 'x' }));
    expect(readHealthFiles(directory, Date.now())).toEqual([
      { id: 'taskmanager-1', isReady: false, detail: 'x' },
    ]);
    isReady = true;
    using _again = keepHealthFile(directory, 'taskmanager-1', () => ({ isReady, detail: 'x' }));
    expect(readHealthFiles(directory, Date.now())).toMatchObject([{ isReady: true }]);
    expect(readHealthFiles(directory, Date.now() + 60_000)).toMatchObject([
      { isReady: false, detail: 'it was last seen 60 s ago' },
    ]);
  }
  expect(readdirSync(directory)).toEqual([]);
  writeFileSync(join(directory, 'broken.json'), '{');
  expect(readHealthFiles(directory, Date.now())).toMatchObject([{ id: 'broken', isReady: false }]);
  expect(readHealthFiles(join(directory, 'nowhere'), Date.now())).toEqual([]);
});

test('health fails where nothing runs, where something is not ready, and where a port is closed', async () => {
  const files = new ClusterDirectory(directory).health;
  const options = { configDir: directory, json: true };
  expect(await health(options)).toBe(1);
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const listensAt = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  using _jobManager = keepHealthFile(files, 'jobmanager', () => ({ isReady: true, detail: '', listensAt }));
  expect(await health(options)).toBe(0);
  await new Promise((resolve) => server.close(resolve));
  expect(await health(options)).toBe(1);
});
