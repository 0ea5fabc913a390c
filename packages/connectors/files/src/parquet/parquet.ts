// Parquet files as a source: one split per row group, columns handed on as columns.
import type { FileMetaData } from 'hyparquet';
import {
  MillraceError,
  sourceBrand,
  type ConnectorContext,
  type FilePort,
  type Json,
  type Source,
  type Split,
} from '@millrace/api';
import { checkPath, checkTimes, oneOf } from '../check-options.ts';
import { expandPaths, type PathOption } from '../path/expand-paths.ts';
import { checkVariant, type VariantOption } from '../variant.ts';
import type { ValueOptions } from './column-kind.ts';
import { prepareDecompression } from './decompress.ts';
import { readFooter } from './footer.ts';
import { openRows, type SplitPlace } from './open-rows.ts';
import { RowGroupReader } from './row-group-reader.ts';

/** Options of {@link parquet}. */
export interface ParquetOptions<T> {
  /** File, directory or glob, or several; relative to the directory where the job was submitted. */
  readonly path: PathOption;
  /**
   * Columns to read; default: all that the job reads, which is found in the source of its functions. Others are not fetched.
   */
  readonly columns?: readonly (keyof T & string)[];
  /** True when event time does not decrease from row group to row group, in the order of the files. Default false. */
  readonly ordered?: boolean;
  /** INT64 as numbers (default; one beyond 2^53 is an error) or as bigints. */
  readonly int64?: 'number' | 'bigint';
  /** Timestamps and dates as milliseconds since the epoch, UTC, rounded down (default), or as Date objects. */
  readonly dates?: 'ms' | 'Date';
  /** Rows of several kinds: those of one, and of each the object that counts. `columns` are its fields then. */
  readonly variant?: VariantOption;
  /**
   * Fields that become milliseconds since the epoch whatever they are: timestamps, numbers of ms, ISO 8601 or ms in a text. A file without
   * one of them is refused; a row without such a time, or one that no Date holds, is malformed where the job reads the field.
   */
  readonly times?: readonly (keyof T & string)[];
}

/** Footers kept open, so that a worker parses each file's once. */
const FOOTERS_MAX = 64;

/**
 * Reads Parquet files. Nulls are `null`; strings of a dictionary share one string object.
 * @example env.source(parquet<Flight>({ path: 'flights-3m.parquet', ordered: true }))
 */
export function parquet<T extends object>(options: ParquetOptions<T>): Source<T> {
  checkPath(options.path);
  const values: ValueOptions = {
    int64: oneOf('int64', options.int64 ?? 'number', ['number', 'bigint']),
    dates: oneOf('dates', options.dates ?? 'ms', ['ms', 'Date']),
  };
  const variant = checkVariant(options.variant);
  const times = checkTimes(options.times);
  const footers = new FooterCache();
  return {
    [sourceBrand]: 1,
    name: `parquet ${nameOf(options.path)}`,
    boundedness: 'bounded',
    isOrdered: options.ordered ?? false,
    describe: () => ({
      format: 'parquet',
      path: typeof options.path === 'string' ? options.path : [...options.path],
      columns: options.columns === undefined ? null : [...options.columns],
      ordered: options.ordered ?? false,
      ...values,
      ...(variant === undefined ? {} : { variant: { ...variant, among: [...variant.among] } }),
      ...(times.size === 0 ? {} : { times: [...times] }),
    }),
    enumerate: (context) => listRowGroups(options.path, footers, context),
    openSplit: async (split, position, context) => {
      const place = parseSplit(split);
      const footer = await footers.get(context.files, place.path, place.fileBytes);
      const { fields: wanted } = context;
      const rows = openRows(context.files, {
        place,
        footer,
        values,
        names: options.columns,
        wanted,
        variant,
        times,
      });
      const group = footer.row_groups[place.rowGroup];
      const rowCount = Number(group?.num_rows);
      const codecs = group?.columns.flatMap(({ meta_data }) => meta_data?.codec ?? []) ?? [];
      await prepareDecompression(codecs);
      return await RowGroupReader.open<T>(rows, { ...place, rowCount }, rowOf(position));
    },
  };
}

async function listRowGroups(
  path: PathOption,
  footers: FooterCache,
  context: ConnectorContext,
): Promise<Split[]> {
  const splits: Split[] = [];
  for (const file of await expandPaths(path, context)) {
    const footer = await footers.get(context.files, file.path, file.bytes);
    let rowStart = 0;
    footer.row_groups.forEach((group, rowGroup) => {
      const rowCount = Number(group.num_rows);
      if (rowCount === 0) return;
      splits.push({
        id: `${file.path}#${rowGroup}`,
        weight: rowCount,
        path: file.path,
        fileBytes: file.bytes,
        rowGroup,
        rowStart,
      });
      rowStart += rowCount;
    });
  }
  return splits;
}

function parseSplit(split: Split): SplitPlace {
  const { path, fileBytes, rowGroup, rowStart } = split;
  if (
    typeof path !== 'string' ||
    typeof fileBytes !== 'number' ||
    typeof rowGroup !== 'number' ||
    typeof rowStart !== 'number'
  ) {
    throw new MillraceError(
      'MR_SOURCE_READ',
      `Cannot open split "${split.id}": it is no split of a Parquet source`,
      { retry: 'never' },
    );
  }
  return { path, fileBytes, rowGroup, rowStart };
}

function rowOf(position: Json | undefined): number {
  const row = (position as { readonly row?: unknown } | undefined)?.row;
  return typeof row === 'number' ? row : 0;
}

/** Parsed footers by path. A file that changed its length since the splits were made is refused. */
class FooterCache {
  readonly #footers = new Map<string, Promise<FileMetaData>>();

  get(files: FilePort, path: string, fileBytes: number): Promise<FileMetaData> {
    const key = `${fileBytes} ${path}`;
    const known = this.#footers.get(key);
    if (known !== undefined) return known;
    const footer = readUnchanged(files, path, fileBytes);
    const oldest = this.#footers.keys().next();
    if (this.#footers.size >= FOOTERS_MAX && oldest.done !== true) this.#footers.delete(oldest.value);
    this.#footers.set(key, footer);
    footer.catch(() => this.#footers.delete(key));
    return footer;
  }
}

async function readUnchanged(files: FilePort, path: string, fileBytes: number): Promise<FileMetaData> {
  const stat = await files.stat(path);
  if (stat === undefined) {
    throw new MillraceError(
      'MR_SOURCE_NOT_FOUND',
      `Cannot read "${path}": the file is no longer there; put it back, or start the job anew`,
      { details: { path } },
    );
  }
  if (stat.bytes !== fileBytes) {
    throw new MillraceError(
      'MR_SOURCE_READ',
      `Cannot read "${path}": it has ${stat.bytes} bytes, ${fileBytes} when the job started; input must not change while a job reads it`,
      {
        retry: 'never',
        details: { path, bytes: stat.bytes, expectedBytes: fileBytes },
      },
    );
  }
  return await readFooter(files, path, fileBytes);
}

function nameOf(path: PathOption): string {
  return typeof path === 'string' ? path : path.join(', ');
}
