// [HOT] Functions that copy a record's fields by name, one for each shape of record: `{ ...record, more }` takes Node 20 seven
// microseconds where a record has fractions in it, this a tenth of one.
import { property } from './code-unit.ts';

/** Shapes that have a function of their own; records of others are spread. */
const SHAPES_MAX = 16;
/** Fields of a shape at most. */
const FIELDS_MAX = 200;

interface ShapeFunction<F> {
  readonly names: readonly string[];
  readonly call: F;
}

/**
 * Contract: `compile` returns a function whose text has `fields` in an object literal, and the record in the variable `record`.
 * Threading: one thread.
 */
export class ShapeFunctions<F> {
  readonly #compile: (fields: string, shapeIndex: number) => F;
  readonly #known: ShapeFunction<F>[] = [];
  #last: ShapeFunction<F> | undefined;
  #spreading: F | undefined;

  constructor(compile: (fields: string, shapeIndex: number) => F) {
    this.#compile = compile;
  }

  /** The function for records with the fields of `record`, in their order. */
  of(record: unknown): F {
    if (this.#last !== undefined && hasNames(record, this.#last.names)) return this.#last.call;
    return this.#find(record);
  }

  #find(record: unknown): F {
    if (typeof record !== 'object' || record === null || Array.isArray(record)) return this.#spread();
    for (const known of this.#known) {
      if (!hasNames(record, known.names)) continue;
      this.#last = known;
      return known.call;
    }
    const names = Object.keys(record);
    if (this.#known.length === SHAPES_MAX || names.length > FIELDS_MAX) return this.#spread();
    const fields = names.map((name) => property(name, `record[${JSON.stringify(name)}]`)).join(', ');
    this.#last = { names, call: this.#compile(fields, this.#known.length) };
    this.#known.push(this.#last);
    return this.#last.call;
  }

  #spread(): F {
    this.#spreading ??= this.#compile('...record', -1);
    return this.#spreading;
  }
}

function hasNames(record: unknown, names: readonly string[]): boolean {
  let index = 0;
  // oxlint-disable-next-line typescript/no-for-in-array -- records are objects; an array has no names and is spread
  for (const name in record as object) if (name !== names[index++]) return false;
  return index === names.length;
}
