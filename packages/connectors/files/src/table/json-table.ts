// A table of JSON rows in a directory: the newest row of each key, as of the last checkpoint.
import {
  FileWriter,
  MillraceError,
  parseCommittable,
  sinkBrand,
  type Change,
  type ChangelogSink,
  type Json,
  type SinkWriter,
} from '@millrace/api';
import { checkPath, oneOf, positiveInteger } from '../check-options.ts';
import { absolutePath } from '../path/expand-paths.ts';
import { changelogEncoder } from '../sink/changelog-encoder.ts';
import type { IfExists } from '../sink/prepare-directory.ts';
import { prepareTable } from './prepare-table.ts';
import { tableCommitter } from './table-committer.ts';
import { checkKey, type Fields } from './table-key.ts';

const BUCKETS_DEFAULT = 16;
const BUCKETS_MAX = 1_024;
/** A commit has so much of the changes in memory at a time. */
const CHANGES_FILE_BYTES = 8 * 1024 * 1024;

/** Options of {@link jsonTable}. */
export interface JsonTableOptions<T> {
  /** A directory, relative to the one where the job was submitted; made when it is not there. */
  readonly path: string;
  /** Names of the fields that make a row's key: one row a key is kept. Compared as JSON. */
  readonly key: (keyof T & string) | readonly (keyof T & string)[];
  /**
   * Files that rows are dealt out to by key. A checkpoint writes those anew in which something changed, so that more files suit large
   * tables of which little changes. Of a table that is there already, its own number counts. Default 16, at most 1,024.
   */
  readonly buckets?: number;
  /**
   * What to do, once a submission, with a table that is there: 'fail' (default), 'append' (its rows stay until they are changed) or 'replace'.
   * All are 'append' with `run -s`.
   */
  readonly ifExists?: IfExists;
}

/**
 * A table that is kept by key in a directory: an upsert sink, without a server. After each checkpoint `rows-000.jsonl` and so on
 * hold the newest row of each key, one JSON value a line, and `_table.json` says as of which checkpoint. Any program can read them
 * while the job runs. Exactly once: changes are sealed in a hidden file with the checkpoint, and taken in when it is complete; taking
 * them in again changes nothing.
 * Contract: one subtask writes, whatever the job's parallelism. Bounds: what changed since the last checkpoint is on the disk, 8 MiB of it
 * and one bucket are in memory while a checkpoint is committed.
 * @example changes.sink(jsonTable({ path: 'balances/', key: 'account' }))
 * @throws {MillraceError} MR_OPTION_INVALID
 */
export function jsonTable<T extends object>(options: JsonTableOptions<T>): ChangelogSink<T> {
  const path = checkPath(options.path);
  if (typeof path !== 'string') throw severalDirectories();
  const key = checkKey(options.key);
  const ifExists = oneOf('ifExists', options.ifExists ?? 'fail', ['fail', 'append', 'replace']);
  const buckets = positiveInteger('buckets', options.buckets ?? BUCKETS_DEFAULT);
  if (buckets > BUCKETS_MAX)
    throw new MillraceError(
      'MR_OPTION_INVALID',
      `Cannot use ${buckets} as \`buckets\`: ${BUCKETS_MAX} are the most`,
      {
        details: { option: 'buckets' },
      },
    );
  const [first = ''] = key;
  const keyOf = (row: Fields): unknown => (key.length === 1 ? row[first] : key.map((name) => row[name]));
  return {
    [sinkBrand]: 1,
    name: `jsonTable ${path}`,
    changes: 'upsert',
    parallelism: 1,
    key: keyOf as (row: never) => unknown,
    describe: () => ({ format: 'jsonTable', path, key: [...key], buckets, ifExists }),
    prepare: (context) =>
      prepareTable(context, { directory: absolutePath(path, context.baseDirectory), ifExists, key }),
    openWriter: async (context, restored) => {
      if (context.parallelism !== 1) throw severalWriters(path);
      const files = await FileWriter.open<Change<unknown>>(
        context,
        {
          directory: absolutePath(path, context.baseDirectory),
          extension: 'jsonl',
          maxFileBytes: CHANGES_FILE_BYTES,
          encoder: changelogEncoder(),
        },
        restored.map(parseCommittable),
      );
      return changesWriter(files, context.runId);
    },
    openCommitter: ({ files, baseDirectory, runId, attemptNumber }) =>
      tableCommitter({
        files,
        writer: { runId, attemptNumber },
        key,
        buckets,
        directory: absolutePath(path, baseDirectory),
      }),
  };
}

/** Says of each sealed file which checkpoint it belongs to, and of which run. */
function changesWriter(files: FileWriter<Change<unknown>>, runId: string): SinkWriter<Change<unknown>> {
  return {
    write: (change) => {
      if (change.kind !== 'updateBefore') files.write(change);
    },
    prepareCommit: async (checkpointId) => {
      const sealed = await files.prepareCommit(checkpointId);
      return sealed.map((one): Json => ({
        ...(one as { readonly [field: string]: Json }),
        runId,
        checkpointId,
      }));
    },
    close: () => files.close(),
  };
}

function severalDirectories(): MillraceError {
  return new MillraceError('MR_OPTION_INVALID', 'Cannot use `path`: a table has one directory; name one', {
    details: { option: 'path' },
  });
}

function severalWriters(path: string): MillraceError {
  return new MillraceError(
    'MR_OPTION_INVALID',
    `Cannot write the table "${path}" in several subtasks: its rows are written by one; call .parallelism(1) behind sink()`,
    { details: { path } },
  );
}
