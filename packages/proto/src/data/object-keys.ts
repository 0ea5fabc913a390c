// [HOT] Key lists of plain objects: kept with their bytes and a generated writer on the writing side, and with a generated reader
// on the reading side, because values of one state or column nearly always have the keys of the value before.
import type { ByteReader } from './bytes.ts';
import { ByteWriter, corruptFrame } from './bytes.ts';

const TABLE_LENGTH = 256;
/** Longer lists of keys are written and read without a cache. */
const CACHED_KEYS_MAX = 64;
const CACHED_BYTES_MAX = 1024;
/** Uses after which a reader or a writer is generated, and how many are generated at most in a thread. */
const GENERATE_AFTER = 32;
const GENERATED_MAX = 2048;

type ReadField = (reader: ByteReader, depth: number) => unknown;
type ReadObject = (read: ReadField, reader: ByteReader, depth: number) => Record<string, unknown>;

/** Writes a value; false: it cannot, and what was written is void. */
type WriteField = (writer: ByteWriter, value: unknown, depth: number) => boolean;
/** Writes the fields of an object in the order of its keys, each read where V8 knows its place. */
type WriteFields = (write: WriteField, writer: ByteWriter, value: object, depth: number) => boolean;

interface WrittenKeys {
  readonly keys: readonly string[];
  readonly bytes: Uint8Array;
  uses: number;
  write: WriteFields | undefined;
}

interface ReadKeys {
  readonly keys: readonly string[];
  readonly bytes: Uint8Array;
  uses: number;
  make: ReadObject | undefined;
}

const writtenTable: (WrittenKeys | undefined)[] = Array.from({ length: TABLE_LENGTH }, () => undefined);
const readTable: (ReadKeys | undefined)[] = Array.from({ length: TABLE_LENGTH }, () => undefined);
let generatedCount = 0;

/**
 * Writes `keys[start..]`: how many, bytes that follow, then per key its length, twice, plus one where UTF-16. Returns what writes
 * the fields of objects with these keys; undefined: they are not common enough.
 */
export function writeKeys(
  writer: ByteWriter,
  keys: readonly string[],
  start: number,
  end: number,
): WriteFields | undefined {
  const count = end - start;
  writer.varint(count);
  if (count === 0) return undefined;
  const first = keys[start] as string;
  const last = keys[end - 1] as string;
  const slot = (count * 31 + first.length * 7 + last.length * 13 + last.charCodeAt(0)) & (TABLE_LENGTH - 1);
  const cached = writtenTable[slot];
  if (cached !== undefined && equalKeys(cached.keys, keys, start, count)) {
    writer.bytes(cached.bytes);
    if (cached.write === undefined && ++cached.uses === GENERATE_AFTER && generatedCount < GENERATED_MAX)
      cached.write = generateWriter(cached.keys);
    return cached.write;
  }
  const block = new ByteWriter();
  for (let index = start; index < end; index++) writeKey(block, keys[index] as string);
  const bytes = new ByteWriter().varint(block.length).bytes(block.written()).copy();
  writer.bytes(bytes);
  if (count <= CACHED_KEYS_MAX && bytes.length <= CACHED_BYTES_MAX)
    writtenTable[slot] = { keys: keys.slice(start, end), bytes, uses: 0, write: undefined };
  return undefined;
}

function generateWriter(keys: readonly string[]): WriteFields {
  generatedCount++;
  const fields = keys.map((key) => `write(writer, value[${JSON.stringify(key)}], depth)`);
  // oxlint-disable-next-line typescript/no-implied-eval -- keys reach the text as JSON literals only
  return new Function(
    'write',
    'writer',
    'value',
    'depth',
    `// written keys ${generatedCount}\nreturn ${fields.join(' && ')};`,
  ) as WriteFields;
}

function equalKeys(
  cached: readonly string[],
  keys: readonly string[],
  start: number,
  count: number,
): boolean {
  if (cached.length !== count) return false;
  for (let index = 0; index < count; index++) {
    if (cached[index] !== keys[start + index]) return false;
  }
  return true;
}

function writeKey(writer: ByteWriter, key: string): void {
  const at = writer.length;
  writer.varint(key.length * 2);
  if (writer.tryLatin1(key)) return;
  writer.length = at;
  writer.varint(key.length * 2 + 1).utf16(key);
}

/** Reads what {@link writeKeys} wrote, then one value a key, into a fresh object. */
export function readObject(reader: ByteReader, read: ReadField, depth: number): Record<string, unknown> {
  const count = reader.varint();
  if (count === 0) return {};
  const length = reader.varint();
  const at = reader.skip(length);
  const entry =
    length <= CACHED_BYTES_MAX && count <= CACHED_KEYS_MAX
      ? cachedKeys(reader, count, at, length)
      : parseKeys(reader, count, at, length);
  if (entry.make !== undefined) return entry.make(read, reader, depth);
  entry.uses++;
  if (entry.uses === GENERATE_AFTER && generatedCount < GENERATED_MAX) entry.make = generate(entry.keys);
  const object: Record<string, unknown> = {};
  for (const key of entry.keys) setField(object, key, read(reader, depth));
  return object;
}

/** Sets an own field, whatever its name. */
function setField(object: Record<string, unknown>, key: string, value: unknown): void {
  if (key === '__proto__') {
    Object.defineProperty(object, key, { value, writable: true, enumerable: true, configurable: true });
  } else {
    object[key] = value;
  }
}

function cachedKeys(reader: ByteReader, count: number, at: number, length: number): ReadKeys {
  const slot = (count * 31 + length * 7 + reader.byteAt(at + length - 1) * 3) & (TABLE_LENGTH - 1);
  const cached = readTable[slot];
  if (cached !== undefined && cached.keys.length === count && equalBytes(cached.bytes, reader, at, length))
    return cached;
  const entry = parseKeys(reader, count, at, length);
  readTable[slot] = entry;
  return entry;
}

function equalBytes(cached: Uint8Array, reader: ByteReader, at: number, length: number): boolean {
  if (cached.length !== length) return false;
  for (let index = 0; index < length; index++) {
    if (cached[index] !== reader.byteAt(at + index)) return false;
  }
  return true;
}

function parseKeys(reader: ByteReader, count: number, at: number, length: number): ReadKeys {
  if (count > length) throw corruptFrame(`${count} keys in ${length} bytes`);
  const end = at + length;
  reader.position = at;
  const bytes = reader.bytes(length).slice();
  reader.position = at;
  const keys: string[] = [];
  for (let index = 0; index < count; index++) {
    const header = reader.varint();
    const units = header >>> 1;
    keys.push((header & 1) === 0 ? reader.latin1(units) : reader.utf16(units));
  }
  if (reader.position !== end || new Set(keys).size !== count)
    throw corruptFrame('the keys of an object do not fit their length');
  return { keys, bytes, uses: 0, make: undefined };
}

function generate(keys: readonly string[]): ReadObject {
  generatedCount++;
  const fields = keys.map((key) => `${fieldName(key)}: read(reader, depth)`);
  // oxlint-disable-next-line typescript/no-implied-eval -- keys reach the text as JSON literals only
  return new Function(
    'read',
    'reader',
    'depth',
    `// keys ${generatedCount}\nreturn {${fields.join(', ')}};`,
  ) as ReadObject;
}

/** Source text of an own field's name in an object literal. */
export function fieldName(key: string): string {
  return key === '__proto__' ? '["__proto__"]' : JSON.stringify(key);
}
