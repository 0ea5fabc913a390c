// Which addresses a process may listen on, and how addresses are written.
import { MillraceError } from '../errors/millrace-error.ts';

/** True for addresses that only this machine reaches. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}

/** True for addresses that stand for all addresses of the machine, and so say nothing to others. */
export function isWildcard(host: string): boolean {
  return host === '0.0.0.0' || host === '::';
}

/** `host:port`; an IPv6 address in brackets. */
export function formatAddress(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** What makes an address beyond loopback acceptable. */
interface Protection {
  readonly isEncrypted: boolean;
  readonly isInsecureAllowed: boolean;
}

/**
 * Lets a process listen on `host`: on loopback always, elsewhere only with certificates, or by the operator's word.
 * @throws {MillraceError} MR_OPTION_INVALID, which names the ways out
 */
export function checkBindHost(host: string, of: Protection): void {
  if (isLoopback(host) || of.isEncrypted || of.isInsecureAllowed) return;
  throw new MillraceError(
    'MR_OPTION_INVALID',
    `Cannot bind ${host}: other machines would reach this process, and its calls are not encrypted. Make certificates (millrace certs create) and name their directory with --certs, or bind 127.0.0.1, or say --insecure-internal on a network that you trust`,
    { details: { option: 'host', value: host } },
  );
}

/**
 * Lets a process show its token at `address` (`host:port`): on loopback always, elsewhere only with certificates, or by the
 * operator's word.
 * @throws {MillraceError} MR_OPTION_INVALID, which names the ways out
 */
export function checkPeerAddress(address: string, of: Protection): void {
  const host = address.slice(0, address.lastIndexOf(':')).replaceAll(/[[\]]/g, '');
  if (isLoopback(host) || of.isEncrypted || of.isInsecureAllowed) return;
  throw new MillraceError(
    'MR_OPTION_INVALID',
    `Cannot talk to ${address}: the token would travel unencrypted to another machine. Name the directory of the cluster's certificates with --certs, or go through a tunnel that ends on 127.0.0.1, or say --insecure-internal on a network that you trust`,
    { details: { option: 'jobmanager', value: address } },
  );
}
