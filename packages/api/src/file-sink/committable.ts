// What a checkpoint says of a sealed file: enough to commit it, and to know it again.
import { crc32 } from 'node:zlib';
import { MillraceError, type FilePort } from '@millrace/common';
import type { Json } from '@millrace/proto';

/** A sealed pending file. Plain JSON. */
export interface FileCommittable {
  readonly [field: string]: Json;
  /** Absolute. */
  readonly directory: string;
  readonly pendingName: string;
  readonly bytes: number;
  /** Of the whole file. */
  readonly crc32: number;
}

/** @throws {MillraceError} MR_SINK_COMMIT when it is something else */
export function parseCommittable(json: Json): FileCommittable {
  const value = json as Partial<FileCommittable> | null;
  if (
    typeof value === 'object' &&
    value !== null &&
    typeof value.directory === 'string' &&
    typeof value.pendingName === 'string' &&
    /^\.[^/]+$/u.test(value.pendingName) &&
    typeof value.bytes === 'number' &&
    typeof value.crc32 === 'number'
  ) {
    return value as FileCommittable;
  }
  throw new MillraceError(
    'MR_SINK_COMMIT',
    `Cannot commit ${JSON.stringify(json)}: it names no file of a file sink`,
    { retry: 'never' },
  );
}

/** Bytes read at a time when a file is compared. */
const READ_BYTES = 1024 * 1024;

/** 'absent', or whether the file at `path` is the one that was sealed. */
export async function compareFile(
  files: FilePort,
  path: string,
  sealed: FileCommittable,
): Promise<'absent' | 'same' | 'different'> {
  const stat = await files.stat(path);
  if (stat === undefined) return 'absent';
  if (stat.isDirectory || stat.bytes !== sealed.bytes) return 'different';
  let checksum = 0;
  for (let offset = 0; offset < sealed.bytes;) {
    const bytes = await files.read(path, offset, READ_BYTES);
    if (bytes.length === 0) return 'different';
    checksum = crc32(bytes, checksum);
    offset += bytes.length;
  }
  return checksum === sealed.crc32 ? 'same' : 'different';
}
