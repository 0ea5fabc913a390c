import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { makeCertificates } from '../certs/certificate-files.ts';
import { ClusterDirectory } from './cluster-directory.ts';

let temporary = '';
beforeEach(() => {
  temporary = mkdtempSync(join(tmpdir(), 'millrace-directory-'));
});
afterEach(() => rmSync(temporary, { recursive: true }));

test('the token is made once: 256 bits, readable by its owner only', () => {
  const directory = new ClusterDirectory(join(temporary, 'cluster'));
  expect(() => directory.credentials('cli')).toThrow(expect.objectContaining({ code: 'MR_NO_CLUSTER' }));
  directory.ensure();
  const { token, identity } = directory.credentials('cli');
  expect(token).toMatch(/^[0-9a-f]{64}$/);
  expect(identity).toBeUndefined();
  expect(statSync(join(directory.path, 'token')).mode & 0o777).toBe(0o600);
  expect(statSync(directory.path).mode & 0o777).toBe(0o700);
  directory.ensure();
  expect(new ClusterDirectory(directory.path).credentials('cli').token).toBe(token);
});

test('a token comes from the environment before a named file before the file of the directory', () => {
  const tokenFile = join(temporary, 'token-file');
  const path = join(temporary, 'cluster');
  new ClusterDirectory(path).ensure();
  expect(() => new ClusterDirectory(path, { tokenFile }).credentials('cli')).toThrow(/ENOENT.*token-file/);
  writeFileSync(tokenFile, 'from the file\n');
  expect(new ClusterDirectory(path, { tokenFile }).credentials('cli').token).toBe('from the file');
  expect(new ClusterDirectory(path, { tokenFile, token: 'given' }).credentials('cli').token).toBe('given');
});

test('certificates are used as soon as they are in the directory, and must be there when they are named', async () => {
  const directory = new ClusterDirectory(join(temporary, 'cluster'));
  directory.ensure();
  await makeCertificates({ directory: directory.certs, days: 1, isForced: false, nowMs: Date.now() });
  expect(directory.credentials('taskmanager').identity?.role).toBe('taskmanager');
  const named = new ClusterDirectory(directory.path, { certs: join(temporary, 'nowhere') });
  expect(() => named.credentials('taskmanager')).toThrow(expect.objectContaining({ code: 'MR_CERTIFICATE' }));
  expect(named.flags).toEqual(['--config-dir', directory.path, '--certs', join(temporary, 'nowhere')]);
  expect(readFileSync(join(directory.certs, 'ca.crt'), 'utf8')).toContain('BEGIN CERTIFICATE');
});
