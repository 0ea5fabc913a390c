// A sink that writes files in a directory, exactly once. Formats give it their encoder.
import {
  fileCommitter,
  FileWriter,
  parseCommittable,
  sinkBrand,
  type RecordEncoder,
  type Sink,
} from '@millrace/api';
import { checkNames, oneOf, positiveInteger } from '../check-options.ts';
import { absolutePath } from '../path/expand-paths.ts';
import { PartitionedWriter } from './partitioned-writer.ts';
import { prepareDirectory, type IfExists } from './prepare-directory.ts';

/** Options of every file sink. */
export interface FileSinkOptions {
  /** A directory, relative to the one where the job was submitted; made when it is not there. */
  readonly path: string;
  /** What to do, once a submission, with files that are there: 'fail' (default), 'append' or 'replace'. All are 'append' with `run -s`. */
  readonly ifExists?: IfExists;
  /** A file that has come to this is closed and another one begun. Default 128 MiB. */
  readonly maxFileBytes?: number;
  /**
   * Fields of the records, whose values make directories as Hive has them (`day=2026-01-31/minute=23%3A59/`), and which the
   * rows then lack. Each checkpoint ends the files of all partitions. Default: none.
   */
  readonly partitionBy?: readonly string[];
}

const MAX_FILE_BYTES_DEFAULT = 128 * 1024 * 1024;

/** What a format adds to a file sink. `encoder` is called once a writer, with the fields that rows are to lack. */
export interface FileSinkFormat<T> {
  readonly format: string;
  readonly extension: 'jsonl' | 'csv';
  readonly encoder: (omitted: readonly string[]) => RecordEncoder<T>;
}

/** Returns a sink of the two-phase kind: pending files are hidden and get their names when their checkpoint is complete. */
export function fileSink<T>(
  options: FileSinkOptions,
  { format, extension, encoder }: FileSinkFormat<T>,
): Sink<T> {
  const ifExists = oneOf('ifExists', options.ifExists ?? 'fail', ['fail', 'append', 'replace']);
  const { partitionBy = [] } = options;
  checkNames('partitionBy', partitionBy);
  const maxFileBytes = positiveInteger('maxFileBytes', options.maxFileBytes ?? MAX_FILE_BYTES_DEFAULT);
  return {
    [sinkBrand]: 1,
    name: `${format} ${options.path}`,
    describe: () => ({
      format,
      path: options.path,
      ifExists,
      maxFileBytes,
      ...(partitionBy.length === 0 ? {} : { partitionBy: [...partitionBy] }),
    }),
    prepare: (context) =>
      prepareDirectory(context, absolutePath(options.path, context.baseDirectory), { ifExists, partitionBy }),
    openWriter: (context, restored) => {
      const directory = absolutePath(options.path, context.baseDirectory);
      const of = { directory, extension, maxFileBytes, encoder: encoder(partitionBy) };
      const committables = restored.map(parseCommittable);
      return partitionBy.length === 0
        ? FileWriter.open<T>(context, of, committables)
        : PartitionedWriter.open<T & object>(context, { ...of, partitionBy }, committables);
    },
    openCommitter: (context) => fileCommitter(context.files),
  };
}
