// The certificates of a cluster as files: made once, all together, and never half.
import { chmodSync, copyFileSync, existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { MillraceError } from '@millrace/common';
import { CA_FILE, CLUSTER_ROLES, expiryMsOf, identityFiles, readIdentity } from '@millrace/common/node';
import { Authority } from './authority.ts';

export interface CertificateOptions {
  readonly directory: string;
  readonly days: number;
  /** Makes a new set although one is there. */
  readonly isForced: boolean;
  readonly nowMs: number;
}

export interface CertificateSet {
  /** False when a set that can be used was there already. */
  readonly isNew: boolean;
  readonly expiryMs: number;
}

/**
 * Makes an authority and a certificate for each role. A set that is there is checked and kept.
 * Contract: the authority's certificate is written last and removed first, so that a set with it is whole, wherever this dies.
 * @throws {MillraceError} MR_CERTIFICATE when the set that is there cannot be used, MR_IO when files cannot be written
 */
export async function makeCertificates(options: CertificateOptions): Promise<CertificateSet> {
  const { directory, days, isForced, nowMs } = options;
  const isThere = existsSync(join(directory, CA_FILE));
  if (isThere && !isForced) return { isNew: false, expiryMs: expiryOf(directory, nowMs) };
  const validity = { fromMs: nowMs, days };
  const authority = await Authority.create(validity);
  const issued = await Promise.all(
    CLUSTER_ROLES.map(async (role) => ({ role, ...(await authority.issue(role, validity)) })),
  );
  writing(directory, () => {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    rmSync(join(directory, CA_FILE), { force: true });
    for (const { role, certificate, privateKey } of issued) {
      const files = identityFiles(directory, role);
      writePrivately(files.privateKey, privateKey);
      writePrivately(files.certificate, certificate);
    }
    writePrivately(join(directory, CA_FILE), authority.certificate);
  });
  return { isNew: true, expiryMs: expiryOf(directory, nowMs) };
}

/** Copies what a client needs into a directory that it may name with `--config-dir`. @throws {MillraceError} MR_IO */
export function copyForClient(certs: string, token: string, clientDirectory: string): void {
  const target = join(clientDirectory, 'certs');
  const from = identityFiles(certs, 'cli');
  const to = identityFiles(target, 'cli');
  writing(clientDirectory, () => {
    mkdirSync(target, { recursive: true, mode: 0o700 });
    for (const [source, path] of [
      [from.privateKey, to.privateKey],
      [from.certificate, to.certificate],
      [join(certs, CA_FILE), join(target, CA_FILE)],
    ] as const) {
      rmSync(path, { force: true });
      copyFileSync(source, path);
      chmodSync(path, 0o600);
    }
    writePrivately(join(clientDirectory, 'token'), `${token}\n`);
  });
}

function expiryOf(directory: string, nowMs: number): number {
  return Math.min(...CLUSTER_ROLES.map((role) => expiryMsOf(readIdentity(directory, role, nowMs))));
}

/** Readable by the owner only, and there as a whole or not at all. */
function writePrivately(path: string, text: string): void {
  const temporary = `${path}.${process.pid}`;
  rmSync(temporary, { force: true });
  writeFileSync(temporary, text, { mode: 0o600, flag: 'wx' });
  renameSync(temporary, path);
}

function writing(directory: string, action: () => void): void {
  try {
    action();
  } catch (cause) {
    throw new MillraceError(
      'MR_IO',
      `Cannot write certificates to ${directory}: ${cause instanceof Error ? cause.message : String(cause)}`,
      { details: { directory }, cause },
    );
  }
}
