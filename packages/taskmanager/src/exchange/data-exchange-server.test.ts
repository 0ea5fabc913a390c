import { expect, test } from 'vitest';
import { asJobId, type WireError } from '@millrace/common';
import { realTimers } from '@millrace/common/node';
import { DataExchangeServer } from './data-exchange-server.ts';
import { openGrpcLink } from './grpc-link.ts';
import type { Link, LinkEvents } from './link.ts';

const ATTEMPT = { jobId: asJobId('0'.repeat(32)), attemptNumber: 1, linkSecret: 'secret' };
const nothing: LinkEvents = {
  onSubscribe: () => undefined,
  onFrame: () => undefined,
  onChannelClosed: () => undefined,
  onLinkClosed: () => undefined,
};

test('closed() leaves no connection: what is open is broken off, and nobody comes in any more', async () => {
  const server = await DataExchangeServer.open({ host: '127.0.0.1', token: 'token' });
  const accepted = new Promise<Link>((resolve) => server.serve(ATTEMPT, resolve));
  const connect = (): Promise<WireError | undefined> =>
    new Promise((resolve) => {
      const request = { token: 'token', ...ATTEMPT };
      const link = openGrpcLink({ address: server.address, request, timers: realTimers });
      link.open({ ...nothing, onLinkClosed: resolve });
      link.subscribe(0, 'channel');
    });
  const first = connect();
  await new Promise<void>((resolve) => {
    void accepted.then((link) => link.open({ ...nothing, onSubscribe: () => resolve() }));
  });
  await server.closed();
  expect(await first).toMatchObject({ code: 'MR_CHANNEL_CLOSED' });
  expect(await connect()).toMatchObject({ code: 'MR_CHANNEL_CLOSED' });
});
