import {
  copyFileSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
  readFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { CA_FILE, CLUSTER_ROLES, readIdentity } from '@millrace/common/node';
import { copyForClient, makeCertificates } from './certificate-files.ts';

const DAY_MS = 24 * 60 * 60 * 1_000;
const nowMs = Date.now();
let directory = '';

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'millrace-certs-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

const make = (options: { at?: number; isForced?: boolean; in?: string } = {}) =>
  makeCertificates({
    directory: options.in ?? join(directory, 'certs'),
    days: 10,
    isForced: options.isForced === true,
    nowMs: options.at ?? nowMs,
  });

test('certificates are made once, for every role, readable by their owner only, and without the key of their authority', async () => {
  const certs = join(directory, 'certs');
  const first = await make();
  expect(first.isNew).toBe(true);
  expect(first.expiryMs).toBeGreaterThan(nowMs + 9.9 * DAY_MS);
  expect(readdirSync(certs).toSorted()).toEqual([
    'ca.crt',
    ...['cli', 'jobmanager', 'taskmanager'].flatMap((role) => [`${role}.crt`, `${role}.key`]),
  ]);
  expect(statSync(certs).mode & 0o777).toBe(0o700);
  for (const name of readdirSync(certs)) expect(statSync(join(certs, name)).mode & 0o777, name).toBe(0o600);
  for (const role of CLUSTER_ROLES) expect(readIdentity(certs, role, nowMs).role).toBe(role);

  const authority = readFileSync(join(certs, CA_FILE), 'utf8');
  expect(await make()).toEqual({ ...first, isNew: false });
  expect(readFileSync(join(certs, CA_FILE), 'utf8')).toBe(authority);
  expect((await make({ isForced: true })).isNew).toBe(true);
  expect(readFileSync(join(certs, CA_FILE), 'utf8')).not.toBe(authority);
});

test('a set that was interrupted is made anew', async () => {
  const certs = join(directory, 'certs');
  await make();
  rmSync(join(certs, CA_FILE));
  rmSync(join(certs, 'cli.key'));
  expect((await make()).isNew).toBe(true);
  for (const role of CLUSTER_ROLES) readIdentity(certs, role, nowMs);
});

test('a process refuses certificates that it cannot use, and says why', async () => {
  const certs = join(directory, 'certs');
  const expectRefusal = (message: RegExp, atMs = nowMs): void =>
    expect(() => readIdentity(certs, 'taskmanager', atMs)).toThrow(
      expect.objectContaining({ code: 'MR_CERTIFICATE', message: expect.stringMatching(message) }),
    );
  expectRefusal(/ENOENT.*millrace certs create/);
  await make();
  expectRefusal(/expired on/, nowMs + 11 * DAY_MS);
  expectRefusal(/valid from/, nowMs - DAY_MS);
  copyFileSync(join(certs, 'cli.key'), join(certs, 'taskmanager.key'));
  expectRefusal(/its key is of another certificate/);
  copyFileSync(join(certs, 'cli.crt'), join(certs, 'taskmanager.crt'));
  expectRefusal(/not for the role "taskmanager"/);
  const others = join(directory, 'others');
  await make({ in: others });
  copyFileSync(join(others, 'taskmanager.crt'), join(certs, 'taskmanager.crt'));
  expectRefusal(/ca\.crt beside it did not issue it/);
  writeFileSync(join(certs, 'taskmanager.crt'), 'nothing');
  expectRefusal(/no certificate in PEM form/);
  await expect(make()).rejects.toMatchObject({ code: 'MR_CERTIFICATE' });
});

test('an expired set is said to be so, and renewed when that is asked for', async () => {
  await make({ at: nowMs - 20 * DAY_MS });
  await expect(make()).rejects.toThrow(/expired.*certs create --force/);
  expect((await make({ isForced: true })).isNew).toBe(true);
});

test('a client gets its own certificate and the token, and no key of a process', async () => {
  await make();
  const client = join(directory, 'client');
  copyForClient(join(directory, 'certs'), 'the token', client);
  copyForClient(join(directory, 'certs'), 'the token', client); // Again, over what is there.
  expect(readdirSync(client, { recursive: true }).map(String).toSorted()).toEqual([
    'certs',
    'certs/ca.crt',
    'certs/cli.crt',
    'certs/cli.key',
    'token',
  ]);
  expect(readIdentity(join(client, 'certs'), 'cli', nowMs).role).toBe('cli');
  expect(readFileSync(join(client, 'token'), 'utf8')).toBe('the token\n');
  expect(statSync(join(client, 'token')).mode & 0o777).toBe(0o600);
  writeFileSync(join(directory, 'file'), '');
  await expect(make({ in: join(directory, 'file', 'certs') })).rejects.toMatchObject({ code: 'MR_IO' });
});
