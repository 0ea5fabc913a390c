// What a record looks like as columns: a tree of types, its canonical text, and its strict parser.
import { corruptFrame } from './bytes.ts';

/** Types without parts. `nil`: null or undefined, nothing else seen yet. `val`: anything, in the value codec. */
export type PlainKind = 'i32' | 'f64' | 'bool' | 'str' | 'date' | 'big' | 'val' | 'nil';

/** What lists hold: one of these for all elements of all rows; `nil` while every list was empty. */
export type ListKind = 'i32' | 'f64' | 'str' | 'nil';

/**
 * Type of a record or of a part of one. A struct keeps the orders of keys that it has seen: each variant lists, by index,
 * the fields that are there.
 */
export type ColumnType =
  | { readonly kind: PlainKind }
  | { readonly kind: 'maybe'; readonly inner: ColumnType }
  | { readonly kind: 'list'; readonly element: ListKind }
  | { readonly kind: 'tuple'; readonly elements: readonly ColumnType[] }
  | {
      readonly kind: 'struct';
      readonly fields: readonly Field[];
      readonly variants: readonly (readonly number[])[];
    };

/** A field of a record: its key and the type of its column. */
export interface Field {
  readonly key: string;
  readonly type: ColumnType;
}

/** Columns of one shape at most; a record with more goes into a value column. */
export const COLUMNS_MAX = 128;
/** Orders of keys that one struct tells apart at most. */
export const VARIANTS_MAX = 8;
/** Structs and tuples within each other at most. */
export const TYPE_DEPTH_MAX = 5;
/** Characters of a shape's text at most. */
export const SHAPE_CHARS_MAX = 16 * 1024;

const PLAIN_KINDS: readonly string[] = ['i32', 'f64', 'bool', 'str', 'date', 'big', 'val', 'nil'];
const LIST_KINDS: readonly string[] = ['i32', 'f64', 'str', 'nil'];

/*
 * shape   => plain | plain '?' ...
 *   type    => ( plain | list | tuple | struct ) [ '?' ]        '?': or null, or undefined; not after val and nil
 *   plain   => 'i32' | 'f64' | 'bool' | 'str' | 'date' | 'big' | 'val' | 'nil'
 *   list    => '[' ( 'i32' | 'f64' | 'str' | 'nil' ) ']'
 *   tuple   => '(' type { ',' type } ')'
 *   struct  => '{' [ key ':' type { ',' key ':' type } ] { ';' [ index { ' ' index } ] } '}'
 *   key     => an ASCII identifier, or a JSON string where the key is none
 * A struct without ';' has one variant: all fields in their order.
 */

/** Returns the canonical text of `type`: equal types, equal text. */
export function typeText(type: ColumnType): string {
  switch (type.kind) {
    case 'maybe':
      return `${typeText(type.inner)}?`;
    case 'list':
      return `[${type.element}]`;
    case 'tuple':
      return `(${type.elements.map(typeText).join(',')})`;
    case 'struct': {
      const fields = type.fields.map((field) => `${keyText(field.key)}:${typeText(field.type)}`).join(',');
      const variants = isOneFullVariant(type)
        ? ''
        : type.variants.map((variant) => `;${variant.join(' ')}`).join('');
      return `{${fields}${variants}}`;
    }
    default:
      return type.kind;
  }
}

function isOneFullVariant(type: ColumnType & { kind: 'struct' }): boolean {
  const [first] = type.variants;
  return (
    type.variants.length === 1 &&
    first?.length === type.fields.length &&
    first.every((field, index) => field === index)
  );
}

function keyText(key: string): string {
  return /^[A-Za-z_$][\w$]*$/.test(key) ? key : JSON.stringify(key);
}

/** Columns that hold a value of `type`. */
export function countColumns(type: ColumnType): number {
  switch (type.kind) {
    case 'maybe':
      return 1 + countColumns(type.inner);
    case 'tuple':
      return type.elements.reduce((sum, element) => sum + countColumns(element), 0);
    case 'struct':
      return type.fields.reduce(
        (sum, field) => sum + countColumns(field.type),
        type.variants.length > 1 ? 1 : 0,
      );
    default:
      return 1;
  }
}

/**
 * Returns the type that `text` stands for.
 * @throws {MillraceError} MR_FRAME_CORRUPT unless `text` is exactly what {@link typeText} writes
 */
export function parseType(text: string): ColumnType {
  if (text.length > SHAPE_CHARS_MAX) throw corruptFrame(`shape has ${text.length} characters`);
  const parser = new TypeParser(text);
  const type = parser.type(0);
  if (!parser.isAtEnd || typeText(type) !== text || countColumns(type) > COLUMNS_MAX)
    throw corruptFrame('shape is not canonical');
  return type;
}

class TypeParser {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#text.length;
  }

  type(depth: number): ColumnType {
    if (depth > TYPE_DEPTH_MAX) throw this.#wrong('is nested too deeply');
    const type = this.#core(depth);
    if (!this.#take('?')) return type;
    if (type.kind === 'val' || type.kind === 'nil') throw this.#wrong('marks an optional type optional');
    return { kind: 'maybe', inner: type };
  }

  #core(depth: number): ColumnType {
    if (this.#take('[')) return this.#list();
    if (this.#take('(')) return this.#tuple(depth);
    if (this.#take('{')) return this.#struct(depth);
    return { kind: this.#word(PLAIN_KINDS) as PlainKind };
  }

  #list(): ColumnType {
    const element = this.#word(LIST_KINDS) as ListKind;
    this.#expect(']');
    return { kind: 'list', element };
  }

  #tuple(depth: number): ColumnType {
    const elements: ColumnType[] = [];
    do {
      elements.push(this.type(depth + 1));
    } while (this.#take(','));
    this.#expect(')');
    return { kind: 'tuple', elements };
  }

  #struct(depth: number): ColumnType {
    const fields: Field[] = [];
    const variants: (readonly number[])[] = [];
    if (!this.#sees('}') && !this.#sees(';')) {
      do {
        const key = this.#key();
        this.#expect(':');
        fields.push({ key, type: this.type(depth + 1) });
      } while (this.#take(','));
    }
    while (this.#take(';')) variants.push(this.#variant(fields.length));
    this.#expect('}');
    if (variants.length === 0) variants.push(fields.map((_field, index) => index));
    this.#checkStruct(fields, variants);
    return { kind: 'struct', fields, variants };
  }

  #checkStruct(fields: readonly Field[], variants: readonly (readonly number[])[]): void {
    if (new Set(fields.map((field) => field.key)).size !== fields.length)
      throw this.#wrong('has a key twice');
    if (variants.length > VARIANTS_MAX) throw this.#wrong('has too many variants');
    if (new Set(variants.map((variant) => variant.join(' '))).size !== variants.length)
      throw this.#wrong('has a variant twice');
    if (new Set(variants.flat()).size !== fields.length) throw this.#wrong('has a field that no variant has');
  }

  #variant(fieldCount: number): number[] {
    const variant: number[] = [];
    while (!this.#sees(';') && !this.#sees('}')) {
      if (variant.length > 0) this.#expect(' ');
      const digits = this.#match(/\d{1,3}/y);
      const index = Number(digits);
      if (digits === '' || index >= fieldCount || variant.includes(index))
        throw this.#wrong('has a wrong variant');
      variant.push(index);
    }
    return variant;
  }

  #key(): string {
    const name = this.#match(/[A-Za-z_$][\w$]*/y);
    if (name !== '') return name;
    const quoted = this.#match(/"(?:[^"\\]|\\.)*"/y);
    try {
      return JSON.parse(quoted) as string;
    } catch {
      throw this.#wrong('has a malformed key');
    }
  }

  #word(words: readonly string[]): string {
    const word = this.#match(/[a-z0-9]+/y);
    if (!words.includes(word)) throw this.#wrong('has an unknown type');
    return word;
  }

  #match(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0] ?? '';
    this.#at += found.length;
    return found;
  }

  #sees(character: string): boolean {
    return this.#text[this.#at] === character;
  }

  #take(character: string): boolean {
    if (!this.#sees(character)) return false;
    this.#at++;
    return true;
  }

  #expect(character: string): void {
    if (!this.#take(character)) throw this.#wrong(`lacks "${character}"`);
  }

  #wrong(what: string): Error {
    return corruptFrame(`shape ${what}`, { at: this.#at });
  }
}
