// What becomes of a record that a source cannot read or a function fails on: the job fails, or it is left out and counted.
import { isMillraceError, MillraceError, type Clock } from '@millrace/common';
import type { DeadLetter, FailurePolicy, MalformedRecord, StreamNode } from '@millrace/api';
import { DEAD_LETTERS } from '@millrace/api';
import type { OperatorOutput } from '../operator/chain-stage.ts';
import type { DroppedTally } from './dropped-records.ts';
import type { Emission } from './emission.ts';
import { rawText, type RawText } from './raw-text.ts';
import type { RecordOrigin } from './record-origin.ts';
import { jsonOf } from './text-of.ts';
import { isOfRecord, messageOf, whatIs, type ErrorSites } from './user-error.ts';

/** Characters of a malformed record that an error shows. */
const RAW_SHOWN_CHARS_MAX = 1024;

export interface RecordFailuresOptions {
  readonly sites: ErrorSites;
  readonly origin: RecordOrigin;
  readonly emission: Emission;
  readonly clock: Clock;
  readonly subtaskIndex: number;
  readonly tallyOf: (node: StreamNode) => DroppedTally;
  readonly outputOf: (node: StreamNode) => OperatorOutput | undefined;
}

/**
 * Leaves records out, as their operators say. Costs nothing until something fails.
 * Contract: `take` returns when the record is left out, else it throws; what it throws fails the job, whoever catches it on
 * the way. A dead letter is sent on before `take` returns, so that a barrier finds it counted and sent or neither.
 * Threading: the task's thread.
 */
export class RecordFailures {
  readonly #of: RecordFailuresOptions;

  constructor(of: RecordFailuresOptions) {
    this.#of = of;
  }

  /**
   * Takes what was thrown at `site` for `record`. `row` is its row in the batch at hand, -1 where none is known.
   * @throws {MillraceError} when the operator's policy is to fail, or the error is none of the record's
   */
  take(error: unknown, site: number, record: unknown, timestampMs: number, row: number): void {
    const { sites, origin } = this.#of;
    const node = sites.nodeOf(site);
    const policy = node?.onError;
    // What comes through here on its way to fail the job, from an operator behind this one, goes on its way.
    if (sites.failure !== undefined) throw sites.failure;
    if (node === undefined || policy === undefined) throw sites.wrap(error, site, record, row);
    const wrapped = sites.describe(error, site, record, row);
    if (!isOfRecord(wrapped) || isSystemError(error)) throw sites.fatal(wrapped);
    this.#leaveOut(node, policy, wrapped, {
      position: origin.positionOf(row) ?? whatIs(record),
      reason: isMillraceError(error) ? error.message : `${sites.whatOf(site)}: ${messageOf(error)}`,
      raw: () => rawText(jsonOf(record)),
      timestampMs,
    });
  }

  /** @throws {MillraceError} MR_RECORD_MALFORMED when the source's policy is to fail */
  takeMalformed(node: StreamNode, policy: FailurePolicy, malformed: MalformedRecord): void {
    const error = malformedError(node, malformed);
    if (policy.action === 'fail') throw this.#of.sites.fatal(error);
    this.#leaveOut(node, policy, error, {
      position: malformed.position,
      reason: malformed.reason,
      raw: () => rawText(malformed.raw, malformed.rawBytes),
      timestampMs: NaN,
    });
  }

  /** For a key function that fails where its record is sent: the record goes on, and fails where its operator is. */
  passOn(error: unknown, site: number): void {
    const { sites } = this.#of;
    const wrapped = sites.describe(error, site);
    if (!isOfRecord(wrapped)) throw sites.fatal(wrapped);
  }

  #leaveOut(
    node: StreamNode,
    policy: FailurePolicy,
    error: MillraceError,
    record: {
      readonly position: string;
      readonly reason: string;
      readonly raw: () => RawText;
      readonly timestampMs: number;
    },
  ): void {
    const { sites, tallyOf, outputOf, emission, clock, subtaskIndex } = this.#of;
    const tally = tallyOf(node);
    if (tally.failedCount >= (policy.recordsMax ?? Infinity)) throw sites.fatal(tooMany(error, policy));
    const { position, reason } = record;
    const raw = record.raw();
    const send = policy.action === 'dead-letter' ? outputOf(node)?.sides.get(DEAD_LETTERS) : undefined;
    tally.countFailed(send === undefined ? 'skipped' : 'deadLettered', {
      position,
      code: error.code,
      reason,
      raw: raw.raw,
    });
    if (send === undefined) return;
    const letter: DeadLetter = {
      operator: node.name,
      operatorUid: node.uid,
      subtask: subtaskIndex,
      position,
      code: error.code,
      reason,
      ...raw,
      timestampMs: Number.isNaN(record.timestampMs) ? null : record.timestampMs,
      atMs: clock.nowMs(),
    };
    emission.count++;
    send(letter, record.timestampMs);
  }
}

function malformedError(
  node: StreamNode,
  { position, reason, raw, rawBytes }: MalformedRecord,
): MillraceError {
  const shown = rawText(raw, rawBytes).raw.slice(0, RAW_SHOWN_CHARS_MAX);
  return new MillraceError(
    'MR_RECORD_MALFORMED',
    `Cannot read the record at ${position} of "${node.name}": ${reason}`,
    { details: { operator: node.name, uid: node.uid, position, reason, raw: shown } },
  );
}

/** It fails for good: another attempt comes to the same record with the same count. */
function tooMany(error: MillraceError, { recordsMax }: FailurePolicy): MillraceError {
  return new MillraceError(
    error.code,
    `${error.message} (and \`max\` is ${recordsMax}: so many records of this subtask have been left out before it)`,
    { details: { ...error.details, recordsMax }, retry: 'never', cause: error.cause ?? error },
  );
}

/** What the operating system says, such as a full disk, is not the record's fault. */
function isSystemError(error: unknown): boolean {
  return typeof (error as { readonly syscall?: unknown } | null)?.syscall === 'string';
}
