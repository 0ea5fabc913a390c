// The client end of a link: the consuming slot calls the producing slot's data exchange server.
import { Client, Metadata } from '@grpc/grpc-js';
import type { TimerPort } from '@millrace/common';
import type { TlsIdentity } from '@millrace/common/node';
import { clientCredentials, peerOptions } from '@millrace/proto/grpc';
import {
  EXCHANGE_OPTIONS,
  LINK_SERVICE,
  writeLinkRequest,
  type LinkRequest,
} from './data-exchange-service.ts';
import { LinkPulse } from './link-pulse.ts';
import type { Link } from './link.ts';
import { StreamLink, type LinkSignsOfLife } from './stream-link.ts';

/** Silence of a connection whose other end answers a new one, when nothing else is said. */
const SILENCE_MS_DEFAULT = 10_000;

export interface GrpcLinkOptions {
  /** `host:port` of the producing slot's server. */
  readonly address: string;
  readonly request: LinkRequest;
  readonly identity?: TlsIdentity | undefined;
  readonly timers: TimerPort;
  /** How long a connection may be dead before it is noticed. */
  readonly silenceMs?: number | undefined;
}

/** Opens a link. A failure to connect, and a connection that is dead although new ones are answered, come as `onLinkClosed`. */
export function openGrpcLink(of: GrpcLinkOptions): Link {
  const { timers, silenceMs: timeoutMs = SILENCE_MS_DEFAULT } = of;
  const pulse = new LinkPulse({
    timers,
    timeoutMs,
    ping: () => link.ping(),
    probe: (onAnswer) => probe(of, onAnswer),
    onHalfOpen: (silentMs) =>
      link.abandon(
        `nothing has come over it for ${silentMs} ms, while a new connection was answered at once. Look at the network between the two machines`,
      ),
  });
  const link = call(of, pulse);
  return link;
}

/** Another connection to the same slot, which carries one question. */
function probe(of: GrpcLinkOptions, onAnswer: () => void): () => void {
  const link = call(of, { heard: onAnswer, expect: () => undefined, stop: () => undefined });
  link.open({
    onSubscribe: () => undefined,
    onFrame: () => undefined,
    onChannelClosed: () => undefined,
    onLinkClosed: () => undefined,
  });
  link.ping();
  return () => link.abandon('it has served its purpose');
}

function call({ address, request, identity }: GrpcLinkOptions, signs: LinkSignsOfLife): StreamLink {
  const client = new Client(address, clientCredentials(identity), {
    ...EXCHANGE_OPTIONS,
    ...peerOptions(identity, 'taskmanager'),
    // Clients of equal address and options would share a connection.
    'grpc.use_local_subchannel_pool': 1,
  });
  const { path, requestSerialize, responseDeserialize } = LINK_SERVICE.exchange;
  const stream = client.makeBidiStreamRequest(
    path,
    requestSerialize,
    responseDeserialize,
    writeLinkRequest(new Metadata(), request),
  );
  stream.on('status', () => client.close());
  return new StreamLink(stream, { peer: address, abort: () => stream.cancel(), signs });
}
