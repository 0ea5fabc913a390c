// Who is let in with which certificate: to the JobManager's services, to a slot's data exchange, and by clients to servers.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  Client,
  credentials,
  Metadata,
  Server,
  type ChannelCredentials,
  type ServiceError,
} from '@grpc/grpc-js';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { asJobId, silentLogger, type WireError } from '@millrace/common';
import { realTimers, type ClusterRole, type TlsIdentity } from '@millrace/common/node';
import { connectDispatcher, startJobManager, type RunningJobManager } from '@millrace/jobmanager';
import { DATA_EXCHANGE_SERVICE, DISPATCHER_SERVICE, RESOURCE_MANAGER_SERVICE } from '@millrace/proto';
import { clientCredentials, peerOptions, serverCredentials } from '@millrace/proto/grpc';
import { DataExchangeServer, openGrpcLink } from '@millrace/taskmanager/exchange';
import { Authority, type Validity } from './authority.ts';

const DAY_MS = 24 * 60 * 60 * 1_000;
const token = 'secret';
const directory = mkdtempSync(join(tmpdir(), 'millrace-certs-'));
const now: Validity = { fromMs: Date.now(), days: 2 };
const past: Validity = { fromMs: Date.now() - 10 * DAY_MS, days: 2 };

let authority: Authority;
let other: Authority;
let jobManager: RunningJobManager;
let exchange: DataExchangeServer;
const identities = new Map<string, TlsIdentity>();

async function identityOf(by: Authority, role: ClusterRole, validity = now): Promise<TlsIdentity> {
  return { role, ca: authority.certificate, ...(await by.issue(role, validity)) };
}

beforeAll(async () => {
  authority = await Authority.create({ fromMs: now.fromMs - 20 * DAY_MS, days: 40 });
  other = await Authority.create(now);
  for (const role of ['jobmanager', 'taskmanager', 'cli'] as const) {
    identities.set(role, await identityOf(authority, role));
    identities.set(`expired ${role}`, await identityOf(authority, role, past));
    identities.set(`${role} of another authority`, await identityOf(other, role));
  }
  jobManager = await startJobManager({
    port: 0,
    token,
    identity: known('jobmanager'),
    directory: join(directory, 'jm'),
    checkpointDirectory: join(directory, 'checkpoints'),
    log: silentLogger,
  });
  exchange = await DataExchangeServer.open({ host: '127.0.0.1', token, identity: known('taskmanager') });
});
afterAll(async () => {
  exchange.close();
  await jobManager.close();
  rmSync(directory, { recursive: true });
});

function known(name: string): TlsIdentity {
  const identity = identities.get(name);
  if (identity === undefined) throw new Error(`no identity ${name}`);
  return identity;
}

/** Credentials by name; `nobody` trusts the authority and shows nothing, `plain` speaks no TLS. */
function clientOf(name: string, address: string, server: ClusterRole): Client {
  const shown: ChannelCredentials =
    name === 'plain'
      ? credentials.createInsecure()
      : name === 'nobody'
        ? credentials.createSsl(Buffer.from(authority.certificate))
        : clientCredentials(known(name));
  return new Client(address, shown, {
    ...(name === 'plain' ? {} : peerOptions(known('cli'), server)),
    'grpc.use_local_subchannel_pool': 1,
  });
}

type Verdict = 'taken' | 'MR_UNAUTHENTICATED' | 'no connection';

function verdictOf(error: ServiceError | null): Verdict {
  if (error === null) return 'taken';
  return error.details.includes('Cannot take the call') ? 'MR_UNAUTHENTICATED' : 'no connection';
}

/** What becomes of `ListJobs`. */
async function listJobs(name: string, shownToken = token): Promise<Verdict> {
  const client = clientOf(name, jobManager.address, 'jobmanager');
  const { path, requestSerialize, responseDeserialize } = DISPATCHER_SERVICE.listJobs;
  const metadata = new Metadata();
  metadata.set('authorization', `Bearer ${shownToken}`);
  try {
    return await new Promise((resolve) => {
      client.makeUnaryRequest(path, requestSerialize, responseDeserialize, {}, metadata, (error) =>
        resolve(verdictOf(error)),
      );
    });
  } finally {
    client.close();
  }
}

/** What becomes of a TaskManager's stream; it counts as taken when the JobManager ends it in good order. */
async function connectTaskManager(name: string): Promise<Verdict> {
  const client = clientOf(name, jobManager.address, 'jobmanager');
  const { path, requestSerialize, responseDeserialize } = RESOURCE_MANAGER_SERVICE.connect;
  const metadata = new Metadata();
  metadata.set('authorization', `Bearer ${token}`);
  try {
    return await new Promise((resolve) => {
      const call = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, metadata);
      call.on('data', () => undefined);
      call.on('error', (error: ServiceError) => resolve(verdictOf(error)));
      call.on('end', () => resolve('taken'));
      call.end();
    });
  } finally {
    client.close();
  }
}

const REFUSED = ['plain', 'nobody'];

test('the Dispatcher takes clients of the cluster, and nobody else', async () => {
  expect(await listJobs('cli')).toBe('taken');
  expect(await listJobs('jobmanager')).toBe('taken');
  expect(await listJobs('taskmanager')).toBe('MR_UNAUTHENTICATED');
  expect(await listJobs('cli', 'other')).toBe('MR_UNAUTHENTICATED');
  for (const name of [...REFUSED, 'expired cli', 'cli of another authority'])
    expect(await listJobs(name), name).toBe('no connection');
});

test('the ResourceManager takes TaskManagers of the cluster, and nobody else', async () => {
  expect(await connectTaskManager('taskmanager')).toBe('taken');
  for (const name of ['cli', 'jobmanager'])
    expect(await connectTaskManager(name), name).toBe('MR_UNAUTHENTICATED');
  for (const name of [...REFUSED, 'expired taskmanager', 'taskmanager of another authority'])
    expect(await connectTaskManager(name), name).toBe('no connection');
});

/** How a link ends that shows this identity. */
async function closeOf(identity: TlsIdentity | undefined, address: string): Promise<string> {
  const request = { token, jobId: asJobId('a'.repeat(32)), attemptNumber: 1, linkSecret: '' };
  const link = openGrpcLink({ address, request, identity, timers: realTimers });
  const error = await new Promise<WireError | undefined>((resolve) =>
    link.open({
      onSubscribe: () => undefined,
      onFrame: () => undefined,
      onChannelClosed: () => undefined,
      onLinkClosed: resolve,
    }),
  );
  return error?.message ?? 'closed in good order';
}

test('a data exchange takes TaskManagers of the cluster, and nobody else', async () => {
  const attempt = { jobId: asJobId('b'.repeat(32)), attemptNumber: 1, linkSecret: 'x' };
  exchange.serve(attempt, () => undefined);
  // It is past TLS and token when it is told about its attempt.
  expect(await closeOf(known('taskmanager'), exchange.address)).toContain('this slot runs another attempt');
  for (const name of ['cli', 'jobmanager'])
    expect(await closeOf(known(name), exchange.address), name).toContain('needs one for taskmanager');
  for (const name of ['expired taskmanager', 'taskmanager of another authority'])
    expect(await closeOf(known(name), exchange.address), name).not.toContain('another attempt');
  expect(await closeOf(undefined, exchange.address)).not.toContain('another attempt');
});

/** A server that would take every call. */
async function impostor(
  identity: TlsIdentity,
): Promise<{ address: string; calls: () => number; close(): void }> {
  let calls = 0;
  const server = new Server();
  server.addService(DISPATCHER_SERVICE, {
    listJobs: (_call: unknown, callback: (error: null, jobs: never[]) => void) => {
      calls++;
      callback(null, []);
    },
  });
  server.addService(DATA_EXCHANGE_SERVICE, { exchange: () => calls++ });
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', serverCredentials(identity), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    ),
  );
  return { address: `127.0.0.1:${port}`, calls: () => calls, close: () => server.forceShutdown() };
}

test('a client sends its token to a JobManager of the cluster only', async () => {
  const right = await impostor(known('jobmanager'));
  const client = await connectDispatcher({ address: right.address, token, identity: known('cli') });
  expect(await client.list()).toEqual([]);
  client.close();
  right.close();
  for (const name of ['taskmanager', 'cli', 'expired jobmanager', 'jobmanager of another authority']) {
    const wrong = await impostor(known(name));
    await expect(
      connectDispatcher({ address: wrong.address, token, identity: known('cli') }),
      name,
    ).rejects.toMatchObject({ code: 'MR_NO_CLUSTER' });
    expect(wrong.calls()).toBe(0);
    wrong.close();
  }
});

test('a slot takes records from TaskManagers of the cluster only', async () => {
  for (const name of ['jobmanager', 'expired taskmanager', 'taskmanager of another authority']) {
    const wrong = await impostor(known(name));
    await closeOf(known('taskmanager'), wrong.address);
    expect(wrong.calls(), name).toBe(0);
    wrong.close();
  }
});

test('a client says why it is not let in', async () => {
  const { address } = jobManager;
  const reasons = {
    plain: /want(s)? certificates/,
    'expired cli': /refuses our certificate|hangs up/,
    'cli of another authority': /refuses our certificate|hangs up/,
  };
  for (const [name, reason] of Object.entries(reasons)) {
    const identity = name === 'plain' ? undefined : known(name);
    const attempt = connectDispatcher({ address, token, identity }).then((client) => client.list());
    await expect(attempt, name).rejects.toThrow(reason);
  }
  const plain = await startJobManager({
    port: 0,
    token,
    directory: join(directory, 'plain'),
    checkpointDirectory: join(directory, 'checkpoints'),
    log: silentLogger,
  });
  await expect(
    connectDispatcher({ address: plain.address, token, identity: known('cli') }),
  ).rejects.toMatchObject({ code: 'MR_NO_CLUSTER', message: expect.stringContaining('does not speak TLS') });
  await plain.close();
});
