// The one error class, its plain form for threads and sockets, and the classification of whatever was thrown.
import { ERROR_CODES, type ErrorCode, type Fault, type RetryVerdict } from './codes.ts';

const brand = Symbol.for('millrace.error');

/** Plain JSON that goes with an error: ids, amounts, limits. */
export type ErrorDetails = Readonly<Record<string, unknown>>;

export interface MillraceErrorOptions {
  readonly fault?: Fault | undefined;
  readonly retry?: RetryVerdict | undefined;
  readonly details?: ErrorDetails | undefined;
  readonly cause?: unknown;
}

/**
 * An operating error with a stable code, a fault (who must act) and a retry verdict.
 * Contract: never crosses a thread or a socket as an object (structured clone strips it): see {@link toWireError}.
 */
export class MillraceError extends Error {
  readonly code: ErrorCode;
  readonly fault: Fault;
  readonly retry: RetryVerdict;
  readonly details: ErrorDetails;

  constructor(code: ErrorCode, message: string, options: MillraceErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'MillraceError';
    this.code = code;
    this.fault = options.fault ?? ERROR_CODES[code].fault;
    this.retry = options.retry ?? ERROR_CODES[code].retry;
    this.details = options.details ?? {};
    Object.defineProperty(this, brand, { value: true });
  }
}

/** True for a MillraceError of any copy of this package: tested by symbol brand, never by `instanceof`. */
export function isMillraceError(error: unknown): error is MillraceError {
  return typeof error === 'object' && error !== null && (error as Record<symbol, unknown>)[brand] === true;
}

/** An error as plain data, for threads, sockets and stores. `stack` is for logs and, mapped, for the user's own frames. */
export interface WireError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly fault: Fault;
  readonly retry: RetryVerdict;
  readonly details: ErrorDetails;
  readonly stack?: string | undefined;
  readonly cause?: WireError | undefined;
}

const CAUSE_DEPTH_MAX = 8;

/** Returns the plain form of anything thrown. Never throws. */
export function toWireError(error: unknown, depth = 0): WireError {
  const classified = classify(error);
  const nested = classified.cause;
  return {
    code: classified.code,
    message: classified.message,
    fault: classified.fault,
    retry: classified.retry,
    details: classified.details,
    stack: isMillraceError(error) || !(error instanceof Error) ? classified.stack : error.stack,
    ...(nested === undefined || depth >= CAUSE_DEPTH_MAX || nested === error
      ? {}
      : { cause: toWireError(nested, depth + 1) }),
  };
}

/** Returns the error that a {@link WireError} describes, stack and causes included. */
export function fromWireError(wire: WireError): MillraceError {
  const error = new MillraceError(wire.code, wire.message, {
    fault: wire.fault,
    retry: wire.retry,
    details: wire.details,
    ...(wire.cause === undefined ? {} : { cause: fromWireError(wire.cause) }),
  });
  if (wire.stack !== undefined) error.stack = wire.stack;
  return error;
}

/**
 * Returns what was thrown as a MillraceError; an unknown thing is `MR_INTERNAL`, retried with backoff.
 * Contract: total, never throws. An unknown error's stack is kept.
 */
export function classify(error: unknown): MillraceError {
  if (isMillraceError(error)) return error;
  const message = describeThrown(error);
  const classified = new MillraceError('MR_INTERNAL', message, { cause: innerCause(error) });
  if (error instanceof Error && typeof error.stack === 'string') classified.stack = error.stack;
  return classified;
}

function innerCause(error: unknown): unknown {
  return error instanceof Error ? error.cause : undefined;
}

function describeThrown(error: unknown): string {
  try {
    return error instanceof Error ? `${error.name}: ${error.message}` : `Thrown value: ${String(error)}`;
  } catch {
    return 'Thrown value that cannot be described';
  }
}
