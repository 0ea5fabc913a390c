// Splits of text files: byte ranges of a file, with the file's length when they were made.
import { MillraceError, type ConnectorContext, type FilePort, type Json, type Split } from '@millrace/api';
import { expandPaths, type PathOption } from '../path/expand-paths.ts';

/** A row belongs to the split in which its first byte is. */
export interface TextSplit {
  readonly path: string;
  readonly fileBytes: number;
  readonly from: number;
  readonly to: number;
}

/** Returns ranges of at most `splitBytes` of the files in order; empty files have none. */
export async function listTextSplits(
  path: PathOption,
  splitBytes: number,
  context: ConnectorContext,
): Promise<Split[]> {
  const splits: Split[] = [];
  for (const file of await expandPaths(path, context)) {
    for (let from = 0; from < file.bytes; from += splitBytes) {
      const to = Math.min(file.bytes, from + splitBytes);
      splits.push({
        id: `${file.path}#${from}`,
        weight: to - from,
        path: file.path,
        fileBytes: file.bytes,
        from,
        to,
      });
    }
  }
  return splits;
}

/** @throws {MillraceError} MR_SOURCE_READ when the file changed its length; MR_SOURCE_NOT_FOUND when it is gone */
export async function parseTextSplit(split: Split, files: FilePort): Promise<TextSplit> {
  const { path, fileBytes, from, to } = split;
  if (
    typeof path !== 'string' ||
    typeof fileBytes !== 'number' ||
    typeof from !== 'number' ||
    typeof to !== 'number'
  ) {
    throw new MillraceError(
      'MR_SOURCE_READ',
      `Cannot open split "${split.id}": it is no split of a text file`,
      { retry: 'never' },
    );
  }
  const stat = await files.stat(path);
  if (stat === undefined) {
    throw new MillraceError(
      'MR_SOURCE_NOT_FOUND',
      `Cannot read "${path}": the file is no longer there; put it back, or start the job anew`,
      { details: { path } },
    );
  }
  if (stat.bytes < fileBytes) {
    throw new MillraceError(
      'MR_SOURCE_READ',
      `Cannot read "${path}": it has ${stat.bytes} bytes, ${fileBytes} when the job started; input must not change while a job reads it`,
      {
        retry: 'never',
        details: { path, bytes: stat.bytes, expectedBytes: fileBytes },
      },
    );
  }
  return { path, fileBytes, from, to };
}

/** Place that a position stands for; undefined at the start of the split. */
export function placeOfPosition(
  position: Json | undefined,
): { readonly offset: number; readonly lineCount?: number } | undefined {
  const { offset, lineCount } = (position ?? {}) as {
    readonly offset?: unknown;
    readonly lineCount?: unknown;
  };
  if (typeof offset !== 'number') return undefined;
  return typeof lineCount === 'number' ? { offset, lineCount } : { offset };
}
