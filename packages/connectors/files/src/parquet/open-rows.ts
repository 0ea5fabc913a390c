// Which columns of a row group are read, and how: flat ones and groups of flat fields directly, others by the library.
import { parquetSchema, type ColumnMetaData, type FileMetaData, type SchemaTree } from 'hyparquet';
import { MillraceError, type FilePort } from '@millrace/api';
import type { VariantOption } from '../variant.ts';
import { columnKind, type ValueOptions } from './column-kind.ts';
import { FlatColumn, isFlatChunk, type ColumnReader } from './flat-column.ts';
import { footerOfField } from './footer.ts';
import { GeneralColumn } from './general-column.ts';
import { WholeRows, type RowMaker } from './row-maker.ts';
import { STRUCT_FIELDS_MAX, StructColumn } from './struct-column.ts';
import { VariantRows, type FieldReader, type ObjectFields } from './variant-rows.ts';

/** Where a row group is. */
export interface SplitPlace {
  readonly path: string;
  readonly fileBytes: number;
  readonly rowGroup: number;
  /** Rows of the file before it. */
  readonly rowStart: number;
}

/** What is read of a row group. */
export interface RowGroupColumns {
  readonly place: SplitPlace;
  readonly footer: FileMetaData;
  readonly values: ValueOptions;
  /** Those that the program names; undefined: all. */
  readonly names: readonly string[] | undefined;
  /** Those that the job reads; undefined: all. */
  readonly wanted: readonly string[] | undefined;
  readonly variant: VariantOption | undefined;
  readonly times: ReadonlySet<string>;
}

/** @throws {MillraceError} MR_OPTION_INVALID for the name of a column that the file does not have, or whose values are no objects */
export function openRows(files: FilePort, of: RowGroupColumns): RowMaker {
  const schema = parquetSchema(of.footer);
  const { place, variant, times } = of;
  if (variant === undefined) {
    const columns = fieldsOf(schema, of).map((field) => openColumn(files, field, of));
    return new WholeRows(columns, times);
  }
  const tag = fieldNamed(schema, variant.tag, place.path);
  const tags = openColumn(files, tag, { ...of, values: { ...of.values, int64: 'number' } });
  const object = schema.children.find(({ element }) => element.name === variant.object);
  const fields = object === undefined ? undefined : objectFields(files, object, of);
  return new VariantRows(variant, tags, fields, times);
}

/** Fields of a group that are named, and read. */
function fieldsOf(group: SchemaTree, { place, names, times, wanted }: RowGroupColumns): SchemaTree[] {
  for (const name of times) fieldNamed(group, name, place.path);
  const fields =
    names === undefined ? group.children : names.map((name) => fieldNamed(group, name, place.path));
  return fields.filter(({ element }) => wanted === undefined || wanted.includes(element.name));
}

function fieldNamed(group: SchemaTree, name: string, path: string): SchemaTree {
  const field = group.children.find(({ element }) => element.name === name);
  if (field !== undefined) return field;
  const names = group.children.map(({ element }) => `"${element.name}"`).join(', ');
  throw new MillraceError('MR_OPTION_INVALID', `Cannot read column "${name}" of "${path}": it has ${names}`, {
    details: { path, column: name },
  });
}

function noGroup(name: string, path: string): MillraceError {
  return new MillraceError(
    'MR_OPTION_INVALID',
    `Cannot read objects of "${path}": "${name}" is no group of fields`,
    {
      details: { path, column: name },
    },
  );
}

function objectFields(files: FilePort, object: SchemaTree, of: RowGroupColumns): ObjectFields {
  const { element } = object;
  if (object.children.length === 0 || !isPlainGroup(object)) throw noGroup(element.name, of.place.path);
  const columns = fieldsOf(object, of).map((field) => fieldColumn(files, object, { field, of }));
  const isCertain = columns.length > 0 || element.repetition_type === 'REQUIRED';
  const witness = isCertain
    ? undefined
    : fieldColumn(files, object, { field: cheapestField(object, of), of });
  return { columns, witness };
}

/** How it is read does not depend on what else is. */
function fieldColumn(
  files: FilePort,
  object: SchemaTree,
  { field, of }: { readonly field: SchemaTree; readonly of: RowGroupColumns },
): FieldReader {
  const [flat] = flatFields(files, object, [field], of) ?? [];
  if (flat !== undefined) return flat;
  const footer = footerOfField(of.footer, of.place.rowGroup, { object, field });
  return generalColumn(files, object, { of: { ...of, footer }, field: field.element.name });
}

/** Flat ones before others. */
function cheapestField(object: SchemaTree, of: RowGroupColumns): SchemaTree {
  const bytesOf = (field: SchemaTree): number =>
    Number(chunkOf(field, of)?.total_compressed_size ?? Infinity);
  return object.children.reduce((least, field) => (bytesOf(field) < bytesOf(least) ? field : least));
}

function openColumn(files: FilePort, field: SchemaTree, of: RowGroupColumns): ColumnReader {
  return directColumn(files, field, of) ?? generalColumn(files, field, { of, field: undefined });
}

function generalColumn(
  files: FilePort,
  { element }: SchemaTree,
  { of, field }: { readonly of: RowGroupColumns; readonly field: string | undefined },
): GeneralColumn {
  const { place, footer, values } = of;
  return new GeneralColumn(files, {
    path: place.path,
    fileBytes: place.fileBytes,
    metadata: footer,
    name: element.name,
    field,
    options: values,
    rowStart: place.rowStart,
    rowEnd: place.rowStart + Number(footer.row_groups[place.rowGroup]?.num_rows),
  });
}

/** Flat columns and groups of flat fields are read directly; undefined: only the library can. */
function directColumn(files: FilePort, field: SchemaTree, of: RowGroupColumns): ColumnReader | undefined {
  if (field.children.length === 0) return flatColumn(files, field, of, 0);
  if (!isPlainGroup(field) || field.children.length > STRUCT_FIELDS_MAX) return undefined;
  const fields = flatFields(files, field, field.children, of);
  return fields === undefined ? undefined : new StructColumn(field.element.name, fields);
}

/** Lists, maps and variants are groups as well. */
function isPlainGroup({ element }: SchemaTree): boolean {
  return (
    element.repetition_type !== 'REPEATED' &&
    element.logical_type === undefined &&
    element.converted_type === undefined
  );
}

/** `fields` of a group as columns of their own; undefined: one of them is none. */
// oxlint-disable-next-line max-params -- what both callers have at hand
function flatFields(
  files: FilePort,
  { element }: SchemaTree,
  fields: readonly SchemaTree[],
  of: RowGroupColumns,
): FlatColumn[] | undefined {
  const groupLevel = element.repetition_type === 'REQUIRED' ? 0 : 1;
  const columns = fields.map((child) =>
    child.children.length === 0 ? flatColumn(files, child, of, groupLevel) : undefined,
  );
  return columns.every((each) => each !== undefined) ? columns : undefined;
}

// oxlint-disable-next-line max-params -- what both callers have at hand
function flatColumn(
  files: FilePort,
  field: SchemaTree,
  of: RowGroupColumns,
  groupLevel: number,
): FlatColumn | undefined {
  const { place, values } = of;
  const { element } = field;
  const metadata = chunkOf(field, of);
  const kind = element.repetition_type === 'REPEATED' ? 'general' : columnKind(element, values);
  if (kind === 'general' || metadata === undefined || !isFlatChunk(metadata)) return undefined;
  return new FlatColumn(files, { path: place.path, element, metadata, kind, options: values, groupLevel });
}

/** Of a flat column. */
function chunkOf({ path }: SchemaTree, { footer, place }: RowGroupColumns): ColumnMetaData | undefined {
  const chunks = footer.row_groups[place.rowGroup]?.columns ?? [];
  return chunks.find(({ meta_data: chunk }) => isSamePath(chunk?.path_in_schema, path))?.meta_data;
}

function isSamePath(one: readonly string[] | undefined, other: readonly string[]): boolean {
  return one?.length === other.length && other.every((name, index) => one[index] === name);
}
