// [HOT] A group of flat fields as a column of objects: each field is read as a column of its own.
import type { ColumnReader } from './flat-column.ts';
import { isInexact } from './malformed-rows.ts';
import { sizedArray, type PlainValues } from './plain-values.ts';

/** Makes `count` objects, or null, of the fields' values, row by row. */
type ObjectMaker = (fields: readonly PlainValues[], count: number, target: unknown[]) => void;

/** A function of its own for each column: V8 shares what it knows of a function between those of the same text. */
let codegenCount = 0;
/** Groups with more fields are read in general: text is not generated. */
export const STRUCT_FIELDS_MAX = 200;

/**
 * Objects of the fields' values, in the schema's order; null where the group is. Contract: at least one field, at most
 * {@link STRUCT_FIELDS_MAX}; of a group that may be null each field gives `undefined` for that. Threading: one caller at a time.
 */
export class StructColumn implements ColumnReader {
  readonly name: string;
  readonly #fields: readonly ColumnReader[];
  readonly #make: ObjectMaker;

  constructor(name: string, fields: readonly ColumnReader[]) {
    this.name = name;
    this.#fields = fields;
    this.#make = objectMaker(fields.map((field) => field.name));
  }

  prefetch(): void {
    for (const field of this.#fields) field.prefetch();
  }

  get rowsReady(): number {
    let ready = Infinity;
    for (const field of this.#fields) ready = Math.min(ready, field.rowsReady);
    return ready;
  }

  get hasInexact(): boolean {
    return this.#fields.some((field) => field.hasInexact);
  }

  async load(): Promise<void> {
    for (const field of this.#fields) if (field.rowsReady === 0) await field.load();
  }

  read(count: number): PlainValues {
    const values = this.#fields.map((field) => field.read(count));
    const target = sizedArray(count);
    this.#make(values, count, target);
    if (this.hasInexact) this.#markInexact(values, target);
    return target;
  }

  async skip(count: number): Promise<void> {
    for (const field of this.#fields) await field.skip(count);
  }

  /** An object with an INT64 that no number holds exactly is NaN, as such a value of a flat column is. */
  #markInexact(values: readonly PlainValues[], target: unknown[]): void {
    for (const [index, field] of this.#fields.entries()) {
      if (!field.hasInexact) continue;
      const column = values[index] as PlainValues;
      for (let row = 0; row < target.length; row++) if (isInexact(column[row])) target[row] = NaN;
    }
  }
}

function objectMaker(names: readonly string[]): ObjectMaker {
  const text = [
    `// codegen struct-${codegenCount++}`,
    `const ${names.map((_, index) => `c${index} = fields[${index}]`).join(', ')};`,
    'for (let row = 0; row < count; row++) {',
    'const first = c0[row];',
    `target[row] = first === undefined ? null : { ${names
      .map((name, index) => `[${JSON.stringify(name)}]: ${index === 0 ? 'first' : `c${index}[row]`}`)
      .join(', ')} };`,
    '}',
  ].join('\n');
  // oxlint-disable-next-line typescript/no-implied-eval -- names reach the text as JSON literals only
  return new Function('fields', 'count', 'target', text) as ObjectMaker;
}
