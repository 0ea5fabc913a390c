// The footer of a Parquet file, read by ranges: its length from the last eight bytes, then just the footer.
import { parquetMetadata, type FileMetaData, type SchemaElement, type SchemaTree } from 'hyparquet';
import { MillraceError, type FilePort } from '@millrace/api';

/** One read of this many bytes gets most footers whole. */
const TAIL_BYTES = 64 * 1024;
const FOOTER_BYTES_MAX = 256 * 1024 * 1024;
const TRAILER_BYTES = 8;
const MAGIC = 'PAR1';

/** @throws {MillraceError} MR_SOURCE_READ when the file is no Parquet file or is damaged */
export async function readFooter(files: FilePort, path: string, fileBytes: number): Promise<FileMetaData> {
  const tailBytes = Math.min(TAIL_BYTES, fileBytes);
  let tail = await files.read(path, fileBytes - tailBytes, tailBytes);
  const trailer = Buffer.from(
    tail.buffer,
    tail.byteOffset + Math.max(0, tail.length - TRAILER_BYTES),
    Math.min(TRAILER_BYTES, tail.length),
  );
  if (trailer.length < TRAILER_BYTES || trailer.toString('latin1', 4, 8) !== MAGIC) {
    throw damaged(path, 'it is no Parquet file: it does not end in "PAR1"');
  }
  const neededBytes = trailer.readUInt32LE(0) + TRAILER_BYTES;
  if (neededBytes > fileBytes || neededBytes > FOOTER_BYTES_MAX)
    throw damaged(path, `its footer claims ${neededBytes} bytes`);
  if (neededBytes > tail.length) tail = await files.read(path, fileBytes - neededBytes, neededBytes);
  try {
    return parquetMetadata(ownBuffer(tail));
  } catch (cause) {
    throw damaged(path, 'its footer cannot be read', cause);
  }
}

/** A footer that has one field of a group and nothing else, of one row group: the library reads columns of the file whole. */
export function footerOfField(
  footer: FileMetaData,
  rowGroup: number,
  { object, field }: { readonly object: SchemaTree; readonly field: SchemaTree },
): FileMetaData {
  const [root] = footer.schema;
  const group = footer.row_groups[rowGroup];
  if (root === undefined || group === undefined) throw new RangeError('no such row group');
  const columns = group.columns.filter(({ meta_data: chunk }) =>
    field.path.every((name, depth) => chunk?.path_in_schema[depth] === name),
  );
  return {
    ...footer,
    schema: [{ ...root, num_children: 1 }, { ...object.element, num_children: 1 }, ...elementsOf(field)],
    row_groups: footer.row_groups.with(rowGroup, { ...group, columns }),
  };
}

/** As a footer lists them: each before its children. */
function elementsOf({ element, children }: SchemaTree): SchemaElement[] {
  return [element, ...children.flatMap(elementsOf)];
}

/** The bytes as an ArrayBuffer of their own. */
function ownBuffer(bytes: Uint8Array): ArrayBuffer {
  return new Uint8Array(bytes).buffer;
}

function damaged(path: string, reason: string, cause?: unknown): MillraceError {
  return new MillraceError('MR_SOURCE_READ', `Cannot read "${path}": ${reason}`, {
    retry: 'never',
    details: { path },
    cause,
  });
}
