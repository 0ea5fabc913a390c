// Names of a sink's files. Nothing that is not committed has a name that a reader would take for output.

/*
 * file name => ["."] "part-" run "-" operator "-" subtask "-" attempt "-" checkpoint "-" sequence "." extension
 *   "."        => while pending; the committed file has the same name without it
 *   run        => run id; characters but [0-9A-Za-z_] as "~" and two or more hex digits and "~"
 *   operator   => 8 hex digits: crc32 of the operator's uid
 *   checkpoint => decimal, or "open" while the file is written
 */
import { crc32 } from 'node:zlib';

/** What a name says. */
export interface FileNameParts {
  readonly runId: string;
  readonly operatorUid: string;
  readonly subtaskIndex: number;
  readonly attemptNumber: number;
  readonly checkpointId: number | 'open';
  readonly sequence: number;
  readonly extension: string;
}

/** Name of the file while it is pending. */
export function pendingName(parts: FileNameParts): string {
  return [
    '.part',
    encodeRun(parts.runId),
    operatorHash(parts.operatorUid),
    parts.subtaskIndex,
    parts.attemptNumber,
    parts.checkpointId,
    `${parts.sequence}.${parts.extension}`,
  ].join('-');
}

/** Name of the file once it is committed. */
export function committedName(pending: string): string {
  return pending.slice(1);
}

/** True for a name that a file sink made, pending or committed. */
export function isSinkFile(name: string): boolean {
  return SINK_FILE.test(name);
}

/** True for a file, pending or committed, of this run. */
export function isFileOfRun(name: string, runId: string): boolean {
  return SINK_FILE.exec(name)?.[2] === encodeRun(runId);
}

/** Whose pending file this is; undefined for any other name. */
export interface PendingFileOwner {
  readonly subtaskIndex: number;
  readonly attemptNumber: number;
}

/** Returns the owner of a pending file of this run and operator. */
export function pendingFileOwner(
  name: string,
  runId: string,
  operatorUid: string,
): PendingFileOwner | undefined {
  const match = SINK_FILE.exec(name);
  if (match === null || match[1] !== '.') return undefined;
  if (match[2] !== encodeRun(runId) || match[3] !== operatorHash(operatorUid)) return undefined;
  return { subtaskIndex: Number(match[4]), attemptNumber: Number(match[5]) };
}

const SINK_FILE = /^(\.?)part-([0-9A-Za-z_~]+)-([0-9a-f]{8})-(\d+)-(\d+)-(?:\d+|open)-\d+\.(?:jsonl|csv)$/u;

function encodeRun(runId: string): string {
  return runId.replace(
    /[^0-9A-Za-z_]/gu,
    (char) => `~${(char.codePointAt(0) ?? 0).toString(16).padStart(2, '0')}~`,
  );
}

function operatorHash(uid: string): string {
  return crc32(uid).toString(16).padStart(8, '0');
}
