// What all control codecs share: the generated code with its types, and checks for what comes from outside.
import {
  asJobId,
  ERROR_CODES,
  MillraceError,
  type ErrorCode,
  type JobId,
  type WireError,
} from '@millrace/common';
import { millrace } from './generated/millrace.ts';
import type { millrace as types } from './generated/millrace-types.ts';

/** Generated encoders and decoders by message name. */
export const v1 = (millrace as typeof types).v1;
export type { types as wire };

/** Bytes of one control message at most, either way. Larger things (artifacts) are sent in chunks. */
export const CONTROL_MESSAGE_BYTES_MAX = 32 * 1024 * 1024;
/** Bytes of JSON that the operators of one subtask keep in a snapshot itself, not in files: it fits into a message. */
export const SNAPSHOT_INLINE_BYTES_MAX = 24 * 1024 * 1024;
/** Bytes of one chunk of an artifact. */
export const ARTIFACT_CHUNK_BYTES = 256 * 1024;
/** Slots of one TaskManager at most. */
export const TASK_MANAGER_SLOTS_MAX = 256;
const TEXT_LENGTH_MAX = 1024;

/** The error for a control message that is not what it should be. */
export function malformed(what: string, cause?: unknown): MillraceError {
  return new MillraceError(
    'MR_PROTOCOL',
    `Cannot read a control message: ${what}`,
    cause === undefined ? {} : { cause },
  );
}

/** Runs a generated decoder; whatever it throws becomes MR_PROTOCOL. */
export function decodeWith<T>(decoder: { decode(bytes: Uint8Array): T }, bytes: Uint8Array): T {
  if (bytes.byteLength > CONTROL_MESSAGE_BYTES_MAX) throw malformed('it is larger than its limit');
  try {
    return decoder.decode(bytes);
  } catch (cause) {
    throw malformed('its bytes are damaged', cause);
  }
}

/** A uint64 as a number. The reader gives a Long where that package is installed. */
export function safeInteger(value: unknown, field: string): number {
  const number =
    typeof value === 'object' && value !== null && 'toNumber' in value && typeof value.toNumber === 'function'
      ? (value.toNumber() as unknown)
      : value;
  if (typeof number !== 'number' || !Number.isSafeInteger(number) || number < 0)
    throw malformed(`${field} is no safe integer`);
  return number;
}

/**
 * Returns `value`.
 * @throws {MillraceError} MR_PROTOCOL unless it is finite
 */
export function finite(value: number, field: string): number {
  if (!Number.isFinite(value)) throw malformed(`${field} is no finite number`);
  return value;
}

/**
 * Returns `value`.
 * @throws {MillraceError} MR_PROTOCOL when it is empty, missing or too long
 */
export function text(value: string | null | undefined, field: string): string {
  if (typeof value !== 'string' || value === '' || value.length > TEXT_LENGTH_MAX)
    throw malformed(`${field} is missing or too long`);
  return value;
}

/**
 * Returns `value` as a job id.
 * @throws {MillraceError} MR_PROTOCOL unless it is one
 */
export function jobIdOf(value: string | null | undefined): JobId {
  if (typeof value !== 'string' || !/^[0-9a-f]{32}$/.test(value))
    throw malformed('the job id is not 32 hex characters');
  return asJobId(value);
}

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true });

/** UTF-8 of a value as JSON. */
export function jsonBytes(value: unknown): Uint8Array {
  return encoder.encode(JSON.stringify(value));
}

/**
 * The value of JSON in UTF-8.
 * @throws {MillraceError} MR_PROTOCOL
 */
export function parseJson(bytes: Uint8Array, field: string): unknown {
  try {
    return JSON.parse(decoder.decode(bytes));
  } catch (cause) {
    throw malformed(`${field} is no JSON`, cause);
  }
}

/** True for an object that is no array. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * Reads a JSON object whose named fields have the given `typeof` (`array` for arrays). The deeper structure is the
 * business of whoever uses it.
 */
export function parseObject(
  bytes: Uint8Array,
  field: string,
  shape: Readonly<Record<string, string>>,
): unknown {
  const value = parseJson(bytes, field);
  if (!isRecord(value)) throw malformed(`${field} is no object`);
  for (const [name, type] of Object.entries(shape)) {
    const member = value[name];
    const actual = Array.isArray(member) ? 'array' : member === null ? 'null' : typeof member;
    if (actual !== type) throw malformed(`${field}.${name} is ${actual}, not ${type}`);
  }
  return value;
}

const CAUSE_DEPTH_MAX = 8;

/** Reads an error; a code that this version does not know becomes MR_INTERNAL, with the name in the details. */
export function parseError(bytes: Uint8Array): WireError {
  return errorOf(parseJson(bytes, 'error'), 0);
}

function errorOf(value: unknown, depth: number): WireError {
  if (!isRecord(value) || typeof value['code'] !== 'string' || typeof value['message'] !== 'string') {
    throw malformed('error has no code or message');
  }
  const { code, message, fault, retry, details, stack, cause } = value;
  const isKnown = Object.hasOwn(ERROR_CODES, code);
  const known = (isKnown ? code : 'MR_INTERNAL') as ErrorCode;
  return {
    code: known,
    message,
    fault:
      fault === 'user' || fault === 'external' || fault === 'internal' ? fault : ERROR_CODES[known].fault,
    retry: retry === 'never' || retry === 'backoff' ? retry : ERROR_CODES[known].retry,
    details: { ...(isRecord(details) ? details : {}), ...(isKnown ? {} : { code }) },
    ...(typeof stack === 'string' ? { stack } : {}),
    ...(isRecord(cause) && depth < CAUSE_DEPTH_MAX ? { cause: errorOf(cause, depth + 1) } : {}),
  };
}
