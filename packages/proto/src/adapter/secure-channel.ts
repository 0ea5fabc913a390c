// TLS and limits of our gRPC channels, on both ends. With an identity every connection is mutual TLS under the cluster's own
// authority, and each end checks the other's role; without one connections are plain.
import { connect as connectPlain } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { credentials, ServerCredentials, type ChannelCredentials, type ChannelOptions } from '@grpc/grpc-js';
import { MillraceError } from '@millrace/common';
import { roleName, rolesOf, type ClusterRole, type TlsIdentity } from '@millrace/common/node';

/** Credentials of a server. Clients without a certificate of the cluster's authority do not get past the handshake. */
export function serverCredentials(identity: TlsIdentity | undefined): ServerCredentials {
  if (identity === undefined) return ServerCredentials.createInsecure();
  const { ca, certificate, privateKey } = identity;
  return ServerCredentials.createSsl(
    Buffer.from(ca),
    [{ cert_chain: Buffer.from(certificate), private_key: Buffer.from(privateKey) }],
    true, // The library's default would let anybody in who speaks TLS.
  );
}

/** Credentials of a client; use them with {@link peerOptions}. */
export function clientCredentials(identity: TlsIdentity | undefined): ChannelCredentials {
  if (identity === undefined) return credentials.createInsecure();
  const { ca, certificate, privateKey } = identity;
  return credentials.createSsl(Buffer.from(ca), Buffer.from(privateKey), Buffer.from(certificate));
}

/** Channel options that hold the server to its role: its name in the certificate is that of the role, not of the machine. */
export function peerOptions(identity: TlsIdentity | undefined, peer: ClusterRole): ChannelOptions {
  return identity === undefined ? {} : { 'grpc.ssl_target_name_override': roleName(peer) };
}

/** What is asked of a call: {@link checkCaller} needs no more. */
interface IncomingCall {
  getAuthContext(): { readonly sslPeerCertificate?: { readonly subjectaltname?: string | undefined } } | null;
}

/**
 * Lets a call pass whose client is of one of these roles; TLS has checked that the certificate is the cluster's.
 * @throws {MillraceError} MR_UNAUTHENTICATED
 */
export function checkCaller(
  call: IncomingCall,
  identity: TlsIdentity | undefined,
  allowed: readonly ClusterRole[],
): void {
  if (identity === undefined) return;
  const shown = rolesOf(call.getAuthContext()?.sslPeerCertificate?.subjectaltname);
  if (shown.some((role) => allowed.includes(role))) return;
  throw new MillraceError(
    'MR_UNAUTHENTICATED',
    `Cannot take the call: it shows a certificate for ${shown.join(', ') || 'no role'}, and needs one for ${allowed.join(' or ')}`,
  );
}

/** How long {@link whyUnreachable} looks. */
const PROBE_TIMEOUT_MS = 2_000;
/** A server that refuses our certificate says so only after the handshake. */
const REFUSAL_WAIT_MS = 250;

/**
 * Says why no connection to `address` comes about: gRPC keeps it to itself. Never rejects; undefined when all looks well.
 * Bounds: takes 2 s at most.
 */
export function whyUnreachable(
  address: string,
  identity: TlsIdentity | undefined,
  peer: ClusterRole,
): Promise<string | undefined> {
  const colon = address.lastIndexOf(':');
  const host = address.slice(0, colon).replaceAll(/[[\]]/g, '');
  const target = { host, port: Number(address.slice(colon + 1)) };
  return new Promise((resolve) => {
    const onOpen = (): void => {
      // Whoever expects TLS hangs up on this, or answers in TLS.
      if (identity === undefined) socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0');
      setTimeout(() => settle(undefined), REFUSAL_WAIT_MS).unref();
    };
    const socket =
      identity === undefined
        ? connectPlain(target, onOpen)
        : connectTls(
            {
              ...target,
              ca: identity.ca,
              cert: identity.certificate,
              key: identity.privateKey,
              servername: roleName(peer),
              ALPNProtocols: ['h2'],
            },
            onOpen,
          );
    const settle = (reason: string | undefined): void => {
      socket.destroy();
      resolve(reason);
    };
    socket.setTimeout(PROBE_TIMEOUT_MS, () => settle('it does not answer'));
    socket.on('error', (error) => settle(reasonOf(error)));
    socket.on('data', (bytes: Buffer) =>
      settle(identity === undefined && bytes[0] === TLS_ALERT ? 'it wants certificates' : undefined),
    );
    socket.on('close', () =>
      settle(identity === undefined ? 'it hangs up; it may want certificates' : 'it hangs up'),
    );
  });
}

/** First byte of a TLS record that refuses. */
const TLS_ALERT = 0x15;

function reasonOf(error: Error): string {
  if (/alert (certificate|bad certificate|unknown ca)/i.test(error.message))
    return `it refuses our certificate (${error.message})`;
  if (/wrong version number|packet length too long/i.test(error.message)) return 'it does not speak TLS';
  if (error instanceof AggregateError) return error.errors.map((each: Error) => each.message).join(', ');
  return error.message;
}
