// Why a process of a cluster that is being started ended at once: what it said last in its log.
import { closeSync, fstatSync, openSync, readSync, statSync } from 'node:fs';
import { ERROR_CODES, MillraceError, type ErrorCode } from '@millrace/common';
import type { ClusterDirectory } from './cluster-directory.ts';

/** Of what a process writes while it starts; its last words are at the end. */
const LOG_BYTES_MAX = 64 * 1024;

/** What the processes write to their logs from now on. Bounds: {@link LOG_BYTES_MAX} a process and look. */
export class StartingLogs {
  readonly #logs: readonly { readonly id: string; readonly path: string; readonly fromByte: number }[];

  constructor(directory: ClusterDirectory, ids: readonly string[]) {
    this.#logs = ids.map((id) => {
      const path = directory.logOf(id);
      return { id, path, fromByte: statSync(path, { throwIfNoEntry: false })?.size ?? 0 };
    });
  }

  /** The error with which one of them ended, if one did. */
  failure(): MillraceError | undefined {
    for (const { id, path, fromByte } of this.#logs) {
      // Errors are lines of their own, as on a terminal; what is logged are lines of JSON.
      const match = /^(MR_[A-Z_]+): (.+)$/m.exec(readFrom(path, fromByte));
      const [, code = '', message = ''] = match ?? [];
      if (Object.hasOwn(ERROR_CODES, code))
        return new MillraceError(code as ErrorCode, message, { details: { process: id } });
    }
    return undefined;
  }
}

function readFrom(path: string, fromByte: number): string {
  if (statSync(path, { throwIfNoEntry: false }) === undefined) return '';
  const file = openSync(path, 'r');
  try {
    const length = Math.max(0, fstatSync(file).size - fromByte);
    const bytes = Buffer.alloc(Math.min(length, LOG_BYTES_MAX));
    const read = readSync(file, bytes, 0, bytes.byteLength, fromByte + length - bytes.byteLength);
    return bytes.toString('utf8', 0, read);
  } finally {
    closeSync(file);
  }
}
