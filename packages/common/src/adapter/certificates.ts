// Certificates of a cluster's processes: which files there are, what a process reads of them, and what it checks before use.
import { X509Certificate, createPrivateKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { MillraceError } from '../errors/millrace-error.ts';

/** What a certificate is for. A cluster has one certificate a role, not one a machine. */
export const CLUSTER_ROLES = ['jobmanager', 'taskmanager', 'cli'] as const;
/** One of {@link CLUSTER_ROLES}. */
export type ClusterRole = (typeof CLUSTER_ROLES)[number];

/** The cluster's certificate authority; written last, so that a directory with it is whole. */
export const CA_FILE = 'ca.crt';

/** PEM texts with which a process shows who it is, and checks who the others are. Plain data: it goes to worker threads. */
export interface TlsIdentity {
  readonly role: ClusterRole;
  readonly ca: string;
  readonly certificate: string;
  readonly privateKey: string;
}

/** The DNS name in the certificate of a role. No resolver knows it: it says what the process is, wherever it runs. */
export function roleName(role: ClusterRole): string {
  return `${role}.millrace.internal`;
}

/** The roles that a certificate is for, by its subject alternative names as Node writes them. */
export function rolesOf(subjectAltName: string | undefined): readonly ClusterRole[] {
  const names = (subjectAltName ?? '').split(', ');
  return CLUSTER_ROLES.filter((role) => names.includes(`DNS:${roleName(role)}`));
}

/** Paths of a role's certificate and key in the directory of certificates. */
export function identityFiles(
  directory: string,
  role: ClusterRole,
): { readonly certificate: string; readonly privateKey: string } {
  return { certificate: join(directory, `${role}.crt`), privateKey: join(directory, `${role}.key`) };
}

/**
 * Reads and checks what a process of this role needs.
 * @throws {MillraceError} MR_CERTIFICATE when a file is missing, unreadable, expired, for another role, or of another cluster
 */
export function readIdentity(directory: string, role: ClusterRole, nowMs: number): TlsIdentity {
  const files = identityFiles(directory, role);
  const identity = {
    role,
    ca: read(join(directory, CA_FILE)),
    certificate: read(files.certificate),
    privateKey: read(files.privateKey),
  };
  const certificate = parse(identity.certificate, files.certificate);
  const why = whyUnusable(identity, certificate, nowMs);
  if (why !== undefined) throw unusable(files.certificate, why);
  return identity;
}

/** When the certificate of an identity expires, in ms since the epoch. */
export function expiryMsOf({ certificate }: Pick<TlsIdentity, 'certificate'>): number {
  return Date.parse(new X509Certificate(certificate).validTo);
}

function whyUnusable(identity: TlsIdentity, certificate: X509Certificate, nowMs: number): string | undefined {
  const { role, ca, privateKey } = identity;
  if (!rolesOf(certificate.subjectAltName).includes(role)) return `it is not for the role "${role}"`;
  if (nowMs > Date.parse(certificate.validTo)) return `it expired on ${certificate.validTo}`;
  if (nowMs < Date.parse(certificate.validFrom)) return `it is valid from ${certificate.validFrom} on`;
  if (!certificate.verify(parse(ca, CA_FILE).publicKey)) return `${CA_FILE} beside it did not issue it`;
  let isKeyOfIt = false;
  try {
    isKeyOfIt = certificate.checkPrivateKey(createPrivateKey(privateKey));
  } catch {
    // No key at all.
  }
  return isKeyOfIt ? undefined : 'its key is of another certificate';
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new MillraceError(
      'MR_CERTIFICATE',
      `Cannot read the certificate ${path}: ${cause instanceof Error ? cause.message : String(cause)}. Make certificates: millrace certs create; or name their directory: --certs <dir>`,
      { details: { path }, cause },
    );
  }
}

function parse(pem: string, path: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (cause) {
    throw unusable(path, 'it is no certificate in PEM form', cause);
  }
}

function unusable(path: string, why: string, cause?: unknown): MillraceError {
  return new MillraceError(
    'MR_CERTIFICATE',
    `Cannot use the certificate ${path}: ${why}. Make new ones: millrace certs create --force, and start all processes again`,
    { details: { path }, cause },
  );
}
