// CSV files, as a source and as a sink.
import { MillraceError, sourceBrand, type FilePort, type Sink, type Source } from '@millrace/api';
import { checkPath, oneOf } from '../check-options.ts';
import type { PathOption } from '../path/expand-paths.ts';
import { csvEncoder } from '../sink/csv-encoder.ts';
import { fileSink, type FileSinkOptions } from '../sink/file-sink.ts';
import { ForwardBytes } from '../text/forward-bytes.ts';
import {
  TextReader,
  type MalformedRow,
  type RowParser,
  type RowScan,
  type TextPlace,
} from '../text/text-reader.ts';
import { listTextSplits, parseTextSplit, placeOfPosition, type TextSplit } from '../text/text-split.ts';
import { makeRecord, recordMaker, type CsvType } from './csv-record.ts';
import { NEWLINE, parseCsvRow, plainCsvRow } from './parse-csv.ts';

const CSV_TYPES: readonly CsvType[] = ['string', 'number', 'boolean', 'bigint', 'timestamp'];

/** Options of {@link csv}. */
export interface CsvOptions<T> extends Omit<FileSinkOptions, 'path'> {
  /** Source: file, directory or glob, or several. Sink: a directory. Relative to where the job was submitted. */
  readonly path: PathOption;
  /** Source: names of the columns when the files have no header row. Sink: the columns and their order. */
  readonly columns?: readonly (keyof T & string)[];
  /** Sink: fields whose values make directories, and which the rows then lack. */
  readonly partitionBy?: readonly (keyof T & string)[];
  /** Source: types of the columns that are no strings. */
  readonly types?: { readonly [K in keyof T]?: CsvType };
  /** One ASCII character; default `,`. */
  readonly delimiter?: string;
  /** Source: true when event time does not decrease along the files. Default false. */
  readonly ordered?: boolean;
}

/** Either end: `env.source(csv(…))`, `stream.sink(csv(…))`. */
export interface Csv<T> extends Source<T>, Sink<T> {
  readonly name: string;
  describe: Source<T>['describe'];
}

/**
 * Reads or writes CSV (RFC 4180). One split a file, since a line end may be inside quotes. The first row names the
 * columns unless `columns` does. Rows with too few or too many fields, or a field that its type does not take, are
 * reported as malformed.
 * @example csv<Airport>({ path: 'airports.csv', types: { latitude: 'number', longitude: 'number' } })
 */
export function csv<T extends object>(options: CsvOptions<T>): Csv<T> {
  const { columns } = options;
  const path = checkPath(options.path);
  const delimiter = options.delimiter ?? ',';
  const delimiterByte = delimiter.charCodeAt(0);
  if (delimiter.length !== 1 || delimiterByte > 0x7e || '"\r\n'.includes(delimiter)) {
    throw new MillraceError(
      'MR_OPTION_INVALID',
      `Cannot use the delimiter ${JSON.stringify(delimiter)}: it must be one ASCII character, and neither a quote nor a line end`,
    );
  }
  const written = columns?.filter((name) => options.partitionBy?.includes(name) !== true);
  const sink = fileSink<T>(
    { ...options, path: typeof path === 'string' ? path : (path[0] ?? '') },
    {
      format: 'csv',
      extension: 'csv',
      encoder: (omitted) => csvEncoder<T>({ columns: written, delimiter, omitted }),
    },
  );
  const types: Readonly<Record<string, CsvType | undefined>> = options.types ?? {};
  for (const [name, type] of Object.entries(types)) oneOf(`types.${name}`, type ?? 'string', CSV_TYPES);
  return {
    ...sink,
    [sourceBrand]: 1,
    name: `csv ${typeof path === 'string' ? path : path.join(', ')}`,
    describe: () => ({
      ...sink.describe(),
      path: typeof path === 'string' ? path : [...path],
      delimiter,
      columns: columns === undefined ? null : [...columns],
      types: Object.fromEntries(Object.entries(types).map(([name, type]) => [name, type ?? 'string'])),
      ordered: options.ordered ?? false,
    }),
    boundedness: 'bounded',
    isOrdered: options.ordered ?? false,
    enumerate: (context) => listTextSplits(path, Number.MAX_SAFE_INTEGER, context),
    openSplit: async (split, position, { files }) => {
      const range = await parseTextSplit(split, files);
      const header =
        columns === undefined
          ? await readHeader(files, range, delimiterByte)
          : { names: columns, end: { offset: 0, lineCount: 0 } };
      refuseUnknownColumns(Object.keys(types), header.names, range.path);
      const parse = rowParser<T>(header.names, { types, delimiter: delimiterByte });
      return new TextReader<T>(files, range, { start: placeOfPosition(position) ?? header.end, parse });
    },
  };
}

/** A type of a column that is not there is a slip of the pen, and would leave another column as text. */
function refuseUnknownColumns(typed: readonly string[], names: readonly string[], path: string): void {
  const unknown = names.length === 0 ? undefined : typed.find((name) => !names.includes(name));
  if (unknown === undefined) return;
  throw new MillraceError(
    'MR_OPTION_INVALID',
    `Cannot read column "${unknown}" of "${path}", which \`types\` names: it has ${names.map((name) => `"${name}"`).join(', ')}`,
    { details: { path, column: unknown } },
  );
}

interface CsvHeader {
  readonly names: readonly string[];
  readonly end: TextPlace;
}

async function readHeader(files: FilePort, split: TextSplit, delimiter: number): Promise<CsvHeader> {
  const source = new ForwardBytes(files, { path: split.path, from: 0, to: split.fileBytes });
  while (!source.isLast) {
    await source.advance(0);
    const from = source.bytes.toString('utf8', 0, 3) === '\ufeff' ? 3 : 0;
    const row = parseCsvRow(source.bytes, from, { delimiter, isLast: source.isLast });
    if (row.kind === 'row')
      return { names: row.fields, end: { offset: row.next, lineCount: row.innerLineCount + 1 } };
    if (row.kind === 'malformed') {
      throw new MillraceError('MR_SOURCE_READ', `Cannot read the header of "${split.path}": ${row.reason}`, {
        retry: 'never',
        details: { path: split.path },
      });
    }
  }
  return { names: [], end: { offset: split.fileBytes } };
}

function rowParser<T>(
  names: readonly string[],
  options: { readonly types: Readonly<Record<string, CsvType | undefined>>; readonly delimiter: number },
): RowParser<T> {
  const types = names.map(
    (name) => (Object.hasOwn(options.types, name) ? options.types[name] : undefined) ?? 'string',
  );
  const delimiter = String.fromCharCode(options.delimiter);
  const fast = recordMaker(names, types);
  return (scan) => {
    const { bytes, isLast } = scan;
    let at = scan.from;
    for (let rowCount = 0; rowCount < scan.recordsMax; rowCount++) {
      if (at >= bytes.length || at >= scan.startLimit) break;
      const newline = fast !== undefined && scan.isAscii ? bytes.indexOf(NEWLINE, at) : -1;
      const plain = newline === -1 ? undefined : plainCsvRow(bytes, at, newline);
      const record = plain === undefined ? undefined : fast?.(plain, delimiter);
      if (record !== undefined) {
        addRecord(scan, at, record as T);
        scan.lineCount++;
        at = newline + 1;
        continue;
      }
      const row = parseCsvRow(bytes, at, { delimiter: options.delimiter, isLast });
      if (row.kind === 'incomplete') break;
      const made =
        row.kind === 'malformed'
          ? row.reason
          : isBlank(row.fields)
            ? undefined
            : makeRecord(row.fields, names, types);
      if (typeof made === 'string')
        scan.malformed.push(malformedRow(scan, at, { to: row.next, reason: made }));
      else if (made !== undefined) addRecord(scan, at, made as T);
      // One that is given up as too long has its line end elsewhere.
      if (row.kind === 'row') scan.lineCount += 1 + row.innerLineCount;
      else if (bytes[row.next - 1] === NEWLINE) scan.lineCount++;
      at = row.next;
    }
    return at;
  };
}

function addRecord<T>({ records, starts, startLines, lineCount }: RowScan<T>, from: number, record: T): void {
  records.push(record);
  starts.push(from);
  startLines.push(lineCount);
}

/** Without its line end. */
function malformedRow<T>(
  { bytes, lineCount }: RowScan<T>,
  from: number,
  row: { readonly to: number; readonly reason: string },
): MalformedRow {
  let to = row.to;
  if (to > from && bytes[to - 1] === 0x0a) to--;
  if (to > from && bytes[to - 1] === 0x0d) to--;
  return { from, to, lineCount, reason: row.reason };
}

function isBlank(fields: readonly string[]): boolean {
  return fields.length === 1 && fields[0] === '';
}
