// Files as sources and sinks.
export { parquet, type ParquetOptions } from './parquet/parquet.ts';
export { csv, type Csv, type CsvOptions } from './csv/csv.ts';
export type { CsvType } from './csv/csv-record.ts';
export {
  jsonLines,
  type ChangelogLinesOptions,
  type JsonLines,
  type JsonLinesOptions,
} from './json-lines/json-lines.ts';
export { jsonTable, type JsonTableOptions } from './table/json-table.ts';
export type { PathOption } from './path/expand-paths.ts';
export type { Tag, VariantOption } from './variant.ts';
export type { FileSinkOptions } from './sink/file-sink.ts';
export type { IfExists } from './sink/prepare-directory.ts';
