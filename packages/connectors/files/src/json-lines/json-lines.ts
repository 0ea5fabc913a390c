// JSON lines, as a source and as a sink: one value a line, UTF-8.
import {
  MillraceError,
  sourceBrand,
  type ChangelogSink,
  type FilePort,
  type Sink,
  type Source,
} from '@millrace/api';
import { checkPath, checkTimes, positiveInteger } from '../check-options.ts';
import type { PathOption } from '../path/expand-paths.ts';
import { fileSink, type FileSinkOptions } from '../sink/file-sink.ts';
import { changelogEncoder } from '../sink/changelog-encoder.ts';
import { jsonEncoder } from '../sink/json-encoder.ts';
import { firstRowStart, TextReader, type TextPlace } from '../text/text-reader.ts';
import { listTextSplits, parseTextSplit, placeOfPosition, type TextSplit } from '../text/text-split.ts';
import { checkVariant, type VariantOption } from '../variant.ts';
import { jsonLineParser } from './parse-json-lines.ts';

/** Options of {@link jsonLines}. */
export interface JsonLinesOptions<T> extends Omit<FileSinkOptions, 'path'> {
  /**
   * Source: file, directory or glob, or several. Sink: a directory. Relative to the directory where the job was
   * submitted.
   */
  readonly path: PathOption;
  /** Source: true when event time does not decrease along the files. Default false. */
  readonly ordered?: boolean;
  /** Source: larger files are read in parallel, in ranges of this length cut at line ends. Default 32 MiB. */
  readonly splitBytes?: number;
  /** Source: rows of several kinds: those of one, and of each the object that counts. */
  readonly variant?: VariantOption;
  /**
   * Source: fields that become milliseconds since the epoch: numbers of ms, ISO 8601 or ms in a text. A record without such a time, or one
   * that no Date holds, is malformed where the job reads the field.
   */
  readonly times?: readonly NoInfer<keyof T & string>[];
}

/** Options of {@link jsonLines} that writes changes. */
export interface ChangelogLinesOptions extends Omit<FileSinkOptions, 'partitionBy'> {
  /** Each change is a line `{"op":"+U","row":{…}}`, where `op` is +I, -U, +U or -D. */
  readonly changelog: true;
}

/** Either end: `env.source(jsonLines(…))`, `stream.sink(jsonLines(…))`. */
export interface JsonLines<T> extends Source<T>, Sink<T> {
  readonly name: string;
  describe: Source<T>['describe'];
}

const SPLIT_BYTES_DEFAULT = 32 * 1024 * 1024;

/**
 * Reads or writes JSON lines. A line that cannot be read is reported as malformed with file and byte. As a sink it is
 * exactly-once: files have hidden names until their checkpoint is complete.
 * @example stream.sink(jsonLines({ path: 'out/', ifExists: 'replace' }))
 * @example changes.sink(jsonLines({ path: 'out/', changelog: true }))
 */
export function jsonLines<T>(options: ChangelogLinesOptions): ChangelogSink<T>;
export function jsonLines<T>(options: JsonLinesOptions<T>): JsonLines<T>;
export function jsonLines<T>(
  options: JsonLinesOptions<T> | ChangelogLinesOptions,
): JsonLines<T> | ChangelogSink<T> {
  return isChangelog(options) ? changelogLines<T>(options) : plainLines<T>(options);
}

/** Looks at no more than the option: a path in place of options is refused by whoever looks at the path. */
function isChangelog<T>(
  options: JsonLinesOptions<T> | ChangelogLinesOptions,
): options is ChangelogLinesOptions {
  return (options as Partial<ChangelogLinesOptions>).changelog === true;
}

function changelogLines<T>(options: ChangelogLinesOptions): ChangelogSink<T> {
  const path = sinkDirectory(checkPath(options.path));
  const sink = fileSink(
    { ...options, path },
    { format: 'jsonLines', extension: 'jsonl', encoder: changelogEncoder },
  );
  return { ...sink, changes: 'all', describe: () => ({ ...sink.describe(), changelog: true }) };
}

function plainLines<T>(options: JsonLinesOptions<T>): JsonLines<T> {
  const path = checkPath(options.path);
  const splitBytes = positiveInteger('splitBytes', options.splitBytes ?? SPLIT_BYTES_DEFAULT);
  const variant = checkVariant(options.variant);
  const times = checkTimes(options.times);
  const sink = fileSink<T>(
    { ...options, path: sinkDirectory(path) },
    { format: 'jsonLines', extension: 'jsonl', encoder: jsonEncoder },
  );
  return {
    ...sink,
    [sourceBrand]: 1,
    name: `jsonLines ${typeof path === 'string' ? path : path.join(', ')}`,
    describe: () => ({
      ...sink.describe(),
      path: typeof path === 'string' ? path : [...path],
      ordered: options.ordered ?? false,
      splitBytes,
      ...(variant === undefined ? {} : { variant: { ...variant, among: [...variant.among] } }),
      ...(times.size === 0 ? {} : { times: [...times] }),
    }),
    prepare: async (context) => {
      if (typeof path !== 'string') throw severalDirectories(path);
      await sink.prepare?.(context);
    },
    boundedness: 'bounded',
    isOrdered: options.ordered ?? false,
    enumerate: (context) => listTextSplits(path, splitBytes, context),
    openSplit: async (split, position, { files, fields }) => {
      const range = await parseTextSplit(split, files);
      const start = placeOfPosition(position) ?? (await firstPlace(files, range));
      return new TextReader<T>(files, range, {
        start,
        parse: jsonLineParser({ names: fields, variant, times }),
      });
    },
  };
}

/** Lines are counted from the start of a file only; in the middle of one it takes reading all before it. */
async function firstPlace(files: FilePort, split: TextSplit): Promise<TextPlace> {
  if (split.from === 0) return { offset: 0, lineCount: 0 };
  return { offset: await firstRowStart(files, split) };
}

function sinkDirectory(path: PathOption): string {
  return typeof path === 'string' ? path : (path[0] ?? '');
}

function severalDirectories(path: readonly string[]): MillraceError {
  return new MillraceError(
    'MR_OPTION_INVALID',
    `Cannot write to ${path.map((one) => `"${one}"`).join(', ')}: a sink has one directory; name one`,
    {
      details: { path },
    },
  );
}
