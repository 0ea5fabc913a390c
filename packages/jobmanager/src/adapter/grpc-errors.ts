// Errors over gRPC: a MillraceError travels whole in the trailing metadata; the status code is for other people's tools.
import { Metadata, status, type ServiceError, type StatusObject } from '@grpc/grpc-js';
import { classify, fromWireError, MillraceError, type ErrorCode } from '@millrace/common';
import { decodeClientError, encodeClientError, ERROR_METADATA_KEY } from '@millrace/proto';

const STATUS_OF: Partial<Record<ErrorCode, status>> = {
  MR_UNAUTHENTICATED: status.UNAUTHENTICATED,
  MR_JOB_NOT_FOUND: status.NOT_FOUND,
  MR_JOB_FINISHED: status.FAILED_PRECONDITION,
  MR_TOO_FEW_SLOTS: status.RESOURCE_EXHAUSTED,
  MR_ARTIFACT_TOO_LARGE: status.RESOURCE_EXHAUSTED,
  MR_GRAPH_INVALID: status.INVALID_ARGUMENT,
  MR_PROTOCOL: status.INVALID_ARGUMENT,
  MR_CANCELLED: status.UNAVAILABLE,
};
/** Metadata is bounded by HTTP/2 header limits: a longer error travels as its message alone. */
const ERROR_BYTES_MAX = 6 * 1024;
const MESSAGE_LENGTH_MAX = 2 * 1024;

/** Returns what a server answers a call with that failed. */
export function toStatus(thrown: unknown): Partial<StatusObject> {
  const error = classify(thrown);
  const metadata = new Metadata();
  const bytes = encodeClientError(error);
  const isWhole = bytes.byteLength <= ERROR_BYTES_MAX;
  const message = error.message.slice(0, MESSAGE_LENGTH_MAX);
  const { fault, retry } = error;
  metadata.set(
    ERROR_METADATA_KEY,
    Buffer.from(
      isWhole ? bytes : encodeClientError(new MillraceError(error.code, message, { fault, retry })),
    ),
  );
  return { code: STATUS_OF[error.code] ?? status.INTERNAL, details: message, metadata };
}

/** Returns the error that a client shows for a call that failed. */
export function fromStatus(error: ServiceError): MillraceError {
  const sent = error.metadata?.get(ERROR_METADATA_KEY)[0];
  if (sent instanceof Buffer) {
    try {
      return fromWireError(decodeClientError(sent));
    } catch {
      // What it says cannot be read: its status is all there is.
    }
  }
  switch (error.code) {
    case status.UNAVAILABLE:
    case status.CANCELLED:
      return new MillraceError('MR_CHANNEL_CLOSED', 'Lost the connection to the JobManager', {
        cause: error,
      });
    case status.UNAUTHENTICATED:
      return new MillraceError('MR_UNAUTHENTICATED', 'The JobManager does not accept this token', {
        cause: error,
      });
    case status.DEADLINE_EXCEEDED:
      return new MillraceError('MR_TIMEOUT', 'The JobManager did not answer in time', { cause: error });
    default:
      return new MillraceError('MR_PROTOCOL', `The JobManager answered with an error: ${error.details}`, {
        cause: error,
      });
  }
}
