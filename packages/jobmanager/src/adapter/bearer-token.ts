// The cluster's token: shown on every call, compared in constant time.
import { createHash, timingSafeEqual } from 'node:crypto';
import type { Metadata } from '@grpc/grpc-js';
import { MillraceError } from '@millrace/common';
import { AUTHORIZATION_METADATA_KEY } from '@millrace/proto';

/** Checks callers against one token. */
export class BearerToken {
  readonly #digest: Buffer;

  /** @throws {MillraceError} MR_OPTION_INVALID for an empty token */
  constructor(token: string) {
    if (token === '')
      throw new MillraceError('MR_OPTION_INVALID', 'Cannot start without a token: give the cluster one');
    this.#digest = digestOf(`Bearer ${token}`);
  }

  /** @throws {MillraceError} MR_UNAUTHENTICATED unless the call shows the token */
  check(metadata: Metadata): void {
    const shown = metadata.get(AUTHORIZATION_METADATA_KEY)[0];
    // Digests have one length, so that the comparison tells nothing about the token's.
    if (typeof shown === 'string' && timingSafeEqual(digestOf(shown), this.#digest)) return;
    throw new MillraceError(
      'MR_UNAUTHENTICATED',
      "Cannot take the call: it does not show this cluster's token. Use the same configuration directory as the cluster (--config-dir)",
    );
  }
}

function digestOf(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
