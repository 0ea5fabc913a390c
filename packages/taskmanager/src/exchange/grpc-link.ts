// The client end of a link: the consuming slot calls the producing slot's data exchange server.
import { Client, Metadata } from '@grpc/grpc-js';
import type { TlsIdentity } from '@millrace/common/node';
import { DATA_EXCHANGE_SERVICE } from '@millrace/proto';
import { clientCredentials, peerOptions } from '@millrace/proto/grpc';
import { EXCHANGE_OPTIONS, writeLinkRequest, type LinkRequest } from './data-exchange-service.ts';
import type { Link } from './link.ts';
import { StreamLink } from './stream-link.ts';

/** Opens a link to the server at `address` (`host:port`). A failure to connect comes as `onLinkClosed`. */
export function openGrpcLink(address: string, request: LinkRequest, identity?: TlsIdentity): Link {
  const client = new Client(address, clientCredentials(identity), {
    ...EXCHANGE_OPTIONS,
    ...peerOptions(identity, 'taskmanager'),
  });
  const { path, requestSerialize, responseDeserialize } = DATA_EXCHANGE_SERVICE.exchange;
  const call = client.makeBidiStreamRequest(
    path,
    requestSerialize,
    responseDeserialize,
    writeLinkRequest(new Metadata(), request),
  );
  call.on('status', () => client.close());
  return new StreamLink(call, { peer: address, abort: () => call.cancel() });
}
