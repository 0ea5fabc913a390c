// The gRPC face of links: what both ends agree on besides the messages, and the token.
import { createHash, timingSafeEqual } from 'node:crypto';
import type { Metadata } from '@grpc/grpc-js';
import type { JobId } from '@millrace/common';
import { grpcProxySwitch } from '@millrace/common/node';
import { AUTHORIZATION_METADATA_KEY, DATA_EXCHANGE_SERVICE } from '@millrace/proto';
import { LINK_MESSAGE_BYTES_MAX, type LinkMessageV1 } from './link-message-v1.ts';

/** grpc-js asks what a serialiser returns for its length, and copies it behind a header of its own: nothing else. */
const asBuffer = (message: LinkMessageV1): Buffer => message as unknown as Buffer;

/** The service as links speak it: what is sent writes itself into gRPC's buffer. */
export const LINK_SERVICE = {
  exchange: {
    ...DATA_EXCHANGE_SERVICE.exchange,
    requestSerialize: asBuffer,
    responseSerialize: asBuffer,
  },
} as const;

const RECEIVE_WINDOW_BYTES = 8 * 1024 * 1024;
const JOB_KEY = 'millrace-job-id';
const ATTEMPT_KEY = 'millrace-attempt';
const SECRET_KEY = 'millrace-link-secret';

/** No compression, no retries; the receive window works only on the client's side. */
export const EXCHANGE_OPTIONS = {
  'grpc.max_receive_message_length': LINK_MESSAGE_BYTES_MAX,
  'grpc.max_send_message_length': LINK_MESSAGE_BYTES_MAX,
  'grpc.enable_retries': 0,
  'grpc.enable_http_proxy': grpcProxySwitch,
  'grpc-node.flow_control_window': RECEIVE_WINDOW_BYTES,
} as const;

/** A user function that computes without a pause answers no ping meanwhile: only a peer that is silent for minutes is gone. */
const KEEPALIVE_TIME_MS = 30_000;
const KEEPALIVE_TIMEOUT_MS = 120_000;

/** One call a link, and a link a connection; the rest is for calls that are about to be refused. */
export const SERVER_LIMITS = {
  'grpc.max_concurrent_streams': 16,
  'grpc-node.max_session_memory': 1_024,
  'grpc.keepalive_time_ms': KEEPALIVE_TIME_MS,
  'grpc.keepalive_timeout_ms': KEEPALIVE_TIMEOUT_MS,
} as const;

/** The attempt whose slots a link joins. */
export interface LinkAttempt {
  readonly jobId: JobId;
  readonly attemptNumber: number;
  /** Known to the slots of the attempt only. */
  readonly linkSecret: string;
}

/** What a consuming slot says of itself. */
export interface LinkRequest extends LinkAttempt {
  readonly token: string;
}

export function writeLinkRequest(metadata: Metadata, request: LinkRequest): Metadata {
  metadata.set(AUTHORIZATION_METADATA_KEY, `Bearer ${request.token}`);
  metadata.set(JOB_KEY, request.jobId);
  metadata.set(ATTEMPT_KEY, String(request.attemptNumber));
  metadata.set(SECRET_KEY, request.linkSecret);
  return metadata;
}

export function readLinkRequest(metadata: Metadata): LinkRequest {
  const text = (key: string): string => String(metadata.get(key)[0] ?? '');
  return {
    token: text(AUTHORIZATION_METADATA_KEY).replace(/^Bearer /, ''),
    jobId: text(JOB_KEY) as JobId,
    attemptNumber: Number(text(ATTEMPT_KEY)),
    linkSecret: text(SECRET_KEY),
  };
}

/** Compares in a time that tells nothing of where they differ. */
export function isSameToken(given: string, expected: string): boolean {
  const digest = (token: string): Buffer => createHash('sha256').update(token).digest();
  return timingSafeEqual(digest(given), digest(expected));
}
