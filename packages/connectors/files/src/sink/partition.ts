// The partition of a record as Hive has it: `day=2026-01-31/minute=23%3A59`, and of the record what the path does not say.
import { MillraceError, type FilePort } from '@millrace/api';

type Fields = Readonly<Record<string, unknown>>;

/** Of null, undefined and the empty text. */
const NO_VALUE = '__HIVE_DEFAULT_PARTITION__';
/** What Hive escapes in names of directories. */
// oxlint-disable-next-line no-control-regex -- Hive escapes these, too
const ESCAPED = /[\u0000-\u001f\u007f"#%'*/:=?\\{}[\]^]/gu;

/** How the directories of the partitions by `name` begin. */
function partitionPrefix(name: string): string {
  return `${escaped(name)}=`;
}

/** Path below the sink's directory. @throws {MillraceError} MR_UNSUPPORTED_VALUE for a field that is not there, or is no scalar */
export function partitionPath(record: Fields, names: readonly string[]): string {
  return names.map((name) => partitionPrefix(name) + escaped(textOf(record, name))).join('/');
}

function escaped(text: string): string {
  return text.replace(
    ESCAPED,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
  );
}

function textOf(record: Fields, name: string): string {
  const value = record[name];
  switch (typeof value) {
    case 'string':
      return value === '' ? NO_VALUE : value;
    case 'number':
    case 'boolean':
    case 'bigint':
      return String(value);
    default:
      if (value === null || (value === undefined && name in record)) return NO_VALUE;
      throw new MillraceError(
        'MR_UNSUPPORTED_VALUE',
        `Cannot write a record to a partition by "${name}": ${value === undefined ? 'it has no such field' : 'the field is no text, number or boolean'}`,
        { details: { field: name } },
      );
  }
}

/** All directories of partitions below `directory` that are there. */
export async function partitionDirectories(
  files: FilePort,
  directory: string,
  partitionBy: readonly string[],
): Promise<readonly string[]> {
  let level = [directory];
  for (const name of partitionBy) {
    const next: string[] = [];
    for (const parent of level)
      for (const child of await files.list(parent))
        if (
          child.startsWith(partitionPrefix(name)) &&
          (await files.stat(`${parent}/${child}`))?.isDirectory === true
        )
          next.push(`${parent}/${child}`);
    level = next;
  }
  return level;
}

/** Makes each generated text its own: V8 shares type feedback between functions of identical source. */
let codegenCount = 0;

/** Returns a function that gives records without some of their fields: generated for the shape of the first one. */
export function withoutFields(omitted: readonly string[]): (record: Fields) => Fields {
  let fast: ((record: Fields) => Fields | undefined) | undefined;
  return (record) => {
    fast ??= generate(Object.keys(record), omitted);
    return (
      fast(record) ?? Object.fromEntries(Object.entries(record).filter(([name]) => !omitted.includes(name)))
    );
  };
}

/** Of records with just the fields `names`, in their order; undefined for others. */
function generate(
  names: readonly string[],
  omitted: readonly string[],
): (record: Fields) => Fields | undefined {
  const kept = names
    .map((name) => JSON.stringify(name))
    .filter((_, at) => !omitted.includes(names[at] ?? ''));
  const text = [
    `// codegen partition-${codegenCount++}`,
    'let index = 0;',
    'for (const name in record) {',
    '  switch (index++) {',
    ...names.map(
      (name, at) => `    case ${at}: if (name !== ${JSON.stringify(name)}) return undefined; break;`,
    ),
    '    default: return undefined;',
    '  }',
    '}',
    `if (index !== ${names.length}) return undefined;`,
    `return { ${kept.map((name) => `[${name}]: record[${name}]`).join(', ')} };`,
  ].join('\n');
  // oxlint-disable-next-line typescript/no-implied-eval -- names reach the text as JSON literals only
  return new Function('record', text) as (record: Fields) => Fields | undefined;
}
