// Parquet files as a source: one split per row group, columns handed on as columns.
import { parquetSchema, type ColumnChunk, type FileMetaData, type SchemaTree } from 'hyparquet';
import {
  MillraceError,
  sourceBrand,
  type ConnectorContext,
  type FilePort,
  type Json,
  type Source,
  type Split,
} from '@millrace/api';
import { checkPath, oneOf } from '../check-options.ts';
import { expandPaths, type PathOption } from '../path/expand-paths.ts';
import { columnKind, type ValueOptions } from './column-kind.ts';
import { prepareDecompression } from './decompress.ts';
import { FlatColumn, isFlatChunk, type ColumnReader } from './flat-column.ts';
import { readFooter } from './footer.ts';
import { GeneralColumn } from './general-column.ts';
import { RowGroupReader } from './row-group-reader.ts';
import { STRUCT_FIELDS_MAX, StructColumn } from './struct-column.ts';

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
    }),
    enumerate: (context) => listRowGroups(options.path, footers, context),
    openSplit: async (split, position, context) => {
      const place = parseSplit(split);
      const footer = await footers.get(context.files, place.path, place.fileBytes);
      const { fields: wanted } = context;
      const columns = openColumns(context.files, { place, footer, values, names: options.columns, wanted });
      const group = footer.row_groups[place.rowGroup];
      const rowCount = Number(group?.num_rows);
      const codecs = group?.columns.flatMap(({ meta_data }) => meta_data?.codec ?? []) ?? [];
      await prepareDecompression(codecs);
      return await RowGroupReader.open<T>(columns, { ...place, rowCount }, rowOf(position));
    },
  };
}

interface SplitPlace {
  readonly path: string;
  readonly fileBytes: number;
  readonly rowGroup: number;
  readonly rowStart: number;
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

interface RowGroupColumns {
  readonly place: SplitPlace;
  readonly footer: FileMetaData;
  readonly values: ValueOptions;
  readonly names: readonly string[] | undefined;
  /** Those that the job reads; undefined: all. */
  readonly wanted: readonly string[] | undefined;
}

function openColumns(
  files: FilePort,
  { place, footer, values, names, wanted }: RowGroupColumns,
): ColumnReader[] {
  const schema = parquetSchema(footer);
  const group = footer.row_groups[place.rowGroup];
  const fields = new Map(schema.children.map((field) => [field.element.name, field]));
  return (names ?? [...fields.keys()]).flatMap((name) => {
    const field = fields.get(name);
    if (field === undefined || group === undefined) throw unknownColumn(name, place.path, [...fields.keys()]);
    if (wanted !== undefined && !wanted.includes(name)) return [];
    const direct = directColumn(files, { path: place.path, field, chunks: group.columns, values });
    if (direct !== undefined) return direct;
    return new GeneralColumn(files, {
      path: place.path,
      fileBytes: place.fileBytes,
      metadata: footer,
      name,
      options: values,
      rowStart: place.rowStart,
      rowEnd: place.rowStart + Number(group.num_rows),
    });
  });
}

interface ColumnPlace {
  readonly path: string;
  readonly field: SchemaTree;
  readonly chunks: readonly ColumnChunk[];
  readonly values: ValueOptions;
}

/** Flat columns and groups of flat fields are read directly; undefined: only the library can. */
function directColumn(files: FilePort, { field, ...of }: ColumnPlace): ColumnReader | undefined {
  if (field.children.length === 0) return flatColumn(files, { ...of, field }, 0);
  const { element, children } = field;
  const isPlainGroup =
    element.repetition_type !== 'REPEATED' &&
    element.logical_type === undefined &&
    element.converted_type === undefined; // Lists, maps and variants are groups as well.
  if (!isPlainGroup || children.length > STRUCT_FIELDS_MAX) return undefined;
  const groupLevel = element.repetition_type === 'REQUIRED' ? 0 : 1;
  const fields = children.map((child) =>
    child.children.length === 0 ? flatColumn(files, { ...of, field: child }, groupLevel) : undefined,
  );
  if (!fields.every((each) => each !== undefined)) return undefined;
  return new StructColumn(element.name, fields);
}

function flatColumn(
  files: FilePort,
  { path, field, chunks, values }: ColumnPlace,
  groupLevel: number,
): FlatColumn | undefined {
  const { element } = field;
  const metadata = chunks.find(({ meta_data: chunk }) =>
    isSamePath(chunk?.path_in_schema, field.path),
  )?.meta_data;
  const kind = element.repetition_type === 'REPEATED' ? 'general' : columnKind(element, values);
  if (kind === 'general' || metadata === undefined || !isFlatChunk(metadata)) return undefined;
  return new FlatColumn(files, { path, element, metadata, kind, options: values, groupLevel });
}

function isSamePath(one: readonly string[] | undefined, other: readonly string[]): boolean {
  return one?.length === other.length && other.every((name, index) => one[index] === name);
}

function unknownColumn(name: string, path: string, names: readonly string[]): MillraceError {
  return new MillraceError(
    'MR_OPTION_INVALID',
    `Cannot read column "${name}" of "${path}": it has ${names.map((one) => `"${one}"`).join(', ')}`,
    {
      details: { path, column: name },
    },
  );
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
