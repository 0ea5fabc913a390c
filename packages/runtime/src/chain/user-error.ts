// What becomes of whatever user code throws or wrongly returns. Called once a batch at most, never on the record path.
import { isMillraceError, MillraceError, type ExecutionAttemptId } from '@millrace/common';
import type { StreamNode } from '@millrace/api';
import type { RecordOrigin } from './record-origin.ts';
import { lineOf } from './text-of.ts';

/** Characters of an offending record that an error shows at most. */
const RECORD_TEXT_CHARS_MAX = 300;

/** A place in generated code that calls the user's. */
interface ErrorSite {
  readonly node: StreamNode;
  readonly what: string;
}

/**
 * The places of one chain that call user code, by number: generated code keeps the number of the place that it is at
 * in a local variable, so that one try/catch around the loop can tell.
 */
export class ErrorSites {
  readonly #sites: ErrorSite[] = [];
  readonly #subtaskIndex: number;
  readonly #attempt: ExecutionAttemptId;
  readonly #origin: RecordOrigin;
  #fatal: MillraceError | undefined;

  constructor(subtaskIndex: number, attempt: ExecutionAttemptId, origin: RecordOrigin) {
    this.#subtaskIndex = subtaskIndex;
    this.#attempt = attempt;
    this.#origin = origin;
  }

  register(node: StreamNode, what: string): number {
    const known = this.#sites.findIndex((site) => site.node === node && site.what === what);
    if (known >= 0) return known;
    return this.#sites.push({ node, what }) - 1;
  }

  nodeOf(siteIndex: number): StreamNode | undefined {
    return this.#sites[siteIndex]?.node;
  }

  whatOf(siteIndex: number): string {
    return this.#sites[siteIndex]?.what ?? 'function';
  }

  /** The error that the job fails with, once there is one: user code may catch it on its way, but not make it undone. */
  get failure(): MillraceError | undefined {
    return this.#fatal;
  }

  /** Notes that the job fails with `error`, the first one counts. */
  fatal(error: MillraceError): MillraceError {
    this.#fatal ??= error;
    return error;
  }

  /**
   * Returns what to throw for `error`, thrown at `siteIndex` while `record` was at hand (undefined: none known). `row` is
   * the record's row in the batch at hand, or -1.
   */
  wrap(error: unknown, siteIndex: number, record?: unknown, row = -1): MillraceError {
    return this.fatal(this.describe(error, siteIndex, record, row));
  }

  /** The same, for an error that need not fail the job. */
  describe(error: unknown, siteIndex: number, record?: unknown, row = -1): MillraceError {
    const site = this.#sites[siteIndex];
    if (isMillraceError(error))
      return site === undefined || !isOfRecord(error) ? error : this.#located(error, site, record, row);
    if (isPromiseCloneError(error)) return this.#promiseReturned(site);
    if (site === undefined) return this.#wrapUnknown(error);
    const { node, what } = site;
    const position = this.#origin.positionOf(row);
    const details = {
      operator: node.name,
      uid: node.uid,
      nodeId: node.id,
      subtaskIndex: this.#subtaskIndex,
      executionAttemptId: this.#attempt,
      ...(position === undefined ? {} : { position }),
      ...(record === undefined ? {} : { record: lineOf(record, RECORD_TEXT_CHARS_MAX) }),
    };
    const where = `${what} of "${node.name}" (uid "${node.uid}", subtask ${this.#subtaskIndex})`;
    const at = [
      position === undefined ? '' : ` at ${position}`,
      record === undefined
        ? ''
        : `${position === undefined ? ` at ${whatIs(record)}` : ', on'} ${details.record}`,
    ].join('');
    if (isFrozenObjectError(error)) {
      return new MillraceError(
        'MR_RECORD_MUTATED',
        `The ${where} changed a record or a state value${at}: records are shared, so return a changed copy ({ ...record, field }) instead`,
        { details, cause: error },
      );
    }
    return new MillraceError('MR_USER_FUNCTION', `The ${where} threw${at}: ${messageOf(error)}`, {
      details,
      cause: error,
    });
  }

  /** @throws {MillraceError} MR_PROMISE_RETURNED when `value` is a promise */
  refusePromise(value: unknown, siteIndex: number): void {
    if (typeof value !== 'object' || value === null) return;
    if (typeof (value as { then?: unknown }).then !== 'function') return;
    // Nobody will look at the promise again: its rejection must not end the process.
    void Promise.resolve(value).catch(() => undefined);
    throw this.#promiseReturned(this.#sites[siteIndex]);
  }

  #promiseReturned(site: ErrorSite | undefined): MillraceError {
    return new MillraceError(
      'MR_PROMISE_RETURNED',
      `The ${site?.what ?? 'function'} of "${site?.node.name ?? ''}" (uid "${site?.node.uid ?? ''}") returned a promise: functions on the record path are synchronous. To ask another system for each record use mapAsync(); load what you need once in a process function's open(), or join with a static table`,
      { details: { operator: site?.node.name, uid: site?.node.uid } },
    );
  }

  /** What the engine refused in a record, such as a key, says where, once. */
  #located(error: MillraceError, { node, what }: ErrorSite, record: unknown, row: number): MillraceError {
    if (error.details['subtaskIndex'] !== undefined) return error;
    const position = this.#origin.positionOf(row);
    const shown = record === undefined ? undefined : lineOf(record, RECORD_TEXT_CHARS_MAX);
    const where = [
      error.message.includes(`"${node.name}"`) ? [] : [`${what} of "${node.name}" (uid "${node.uid}")`],
      `subtask ${this.#subtaskIndex}`,
      position === undefined ? [] : [`at ${position}`],
      shown === undefined ? [] : [`on ${shown}`],
    ].flat();
    return new MillraceError(error.code, `${error.message} [${where.join(', ')}]`, {
      fault: error.fault,
      retry: error.retry,
      details: {
        ...error.details,
        operator: node.name,
        uid: node.uid,
        subtaskIndex: this.#subtaskIndex,
        ...(position === undefined ? {} : { position }),
        ...(shown === undefined ? {} : { record: shown }),
      },
      cause: error.cause,
    });
  }

  #wrapUnknown(error: unknown): MillraceError {
    return new MillraceError('MR_INTERNAL', `The operators of a chain failed: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

/** Errors that are about the record at hand. Any other would meet the next record as well. */
const CODES_OF_RECORDS: ReadonlySet<string> = new Set([
  'MR_USER_FUNCTION',
  'MR_ASYNC_TIMEOUT',
  'MR_KEY_INVALID',
  'MR_QUERY_INVALID',
  'MR_UNSUPPORTED_VALUE',
  'MR_RECORD_MALFORMED',
  'MR_PATTERN_INVALID',
  'MR_EVENT_TIME_AHEAD',
]);

export function isOfRecord({ code }: MillraceError): boolean {
  return CODES_OF_RECORDS.has(code);
}

/** What a function was called for where no batch is at hand. */
export function whatIs(of: unknown): 'timer' | 'window' | 'record' {
  if (typeof of !== 'object' || of === null) return 'record';
  if ('windowStart' in of && 'windowEnd' in of) return 'window';
  return 'domain' in of && 'timestamp' in of ? 'timer' : 'record';
}

/** What was thrown, in one line. */
export function messageOf(error: unknown): string {
  if (error instanceof Error) return `${error.name}: ${error.message}`;
  return lineOf(error, RECORD_TEXT_CHARS_MAX);
}

/** A promise was to be kept or sent on, for which it would have been copied. */
function isPromiseCloneError(error: unknown): boolean {
  return error instanceof Error && error.name === 'DataCloneError' && error.message.includes('#<Promise>');
}

/** V8's messages for writes to frozen objects. */
function isFrozenObjectError(error: unknown): boolean {
  return (
    error instanceof TypeError &&
    /read only property|object is not extensible|Cannot delete property|Cannot add property|Cannot redefine property/.test(
      error.message,
    )
  );
}
