// [HOT] One field of the documents: its values in the document at hand, and which queries wait for which of them.
import { wordsOf } from '@millrace/api';
import { IntervalIndex } from './interval-index.ts';
import type { IndexedQuery } from './query-index.ts';

/** Values as conditions compare them: a Date is a number. */
export type FieldValue = string | number | boolean | bigint;

const NOTHING: readonly FieldValue[] = [];
const NO_WORDS: ReadonlySet<string> = new Set();

/** Queries by what they wait for; a posting that is empty is removed. */
class Postings<K> {
  readonly byKey = new Map<K, IndexedQuery[]>();

  countOf(key: K): number {
    return this.byKey.get(key)?.length ?? 0;
  }

  add(key: K, query: IndexedQuery): void {
    const known = this.byKey.get(key);
    if (known === undefined) this.byKey.set(key, [query]);
    else known.push(query);
  }

  remove(key: K, query: IndexedQuery): void {
    const posting = this.byKey.get(key);
    const place = posting?.indexOf(query) ?? -1;
    if (posting === undefined || place < 0) return;
    const last = posting.pop() as IndexedQuery;
    if (place < posting.length) posting[place] = last;
    if (posting.length === 0) this.byKey.delete(key);
  }
}

/**
 * A field that some query names.
 * Contract: `values` and `words` are of the document that {@link load} was called with last; they are made when asked for.
 */
export class DocumentField {
  readonly byValue = new Postings<FieldValue>();
  readonly byWord = new Postings<string>();
  readonly byPrefix = new Postings<string>();
  readonly byPresence = new Postings<true>();
  readonly numbers = new IntervalIndex<IndexedQuery>();
  readonly texts = new IntervalIndex<IndexedQuery>();
  /** Prefixes in the index by their length. */
  readonly prefixLengths = new Map<number, number>();
  /** Conditions of queries that read the field; without any the field is forgotten. */
  uses = 0;
  readonly #path: readonly string[];
  #document: unknown;
  #values: readonly FieldValue[] | undefined;
  #words: ReadonlySet<string> | undefined;

  constructor(name: string) {
    this.#path = name.split('.');
  }

  load(document: unknown): void {
    this.#document = document;
    this.#values = undefined;
    this.#words = undefined;
  }

  /** Lets go of the document. */
  unload(): void {
    this.load(undefined);
  }

  get values(): readonly FieldValue[] {
    return (this.#values ??= this.#read());
  }

  get words(): ReadonlySet<string> {
    return (this.#words ??= wordsIn(this.values));
  }

  addPrefix(prefix: string, query: IndexedQuery): void {
    this.byPrefix.add(prefix, query);
    this.prefixLengths.set(prefix.length, (this.prefixLengths.get(prefix.length) ?? 0) + 1);
  }

  removePrefix(prefix: string, query: IndexedQuery): void {
    this.byPrefix.remove(prefix, query);
    const left = (this.prefixLengths.get(prefix.length) ?? 0) - 1;
    if (left <= 0) this.prefixLengths.delete(prefix.length);
    else this.prefixLengths.set(prefix.length, left);
  }

  /** Calls `found` for every query that waits for something that the document has here; for one perhaps several times. */
  candidates(found: (query: IndexedQuery) => void): void {
    const { values } = this;
    if (values.length === 0) return;
    eachOf(this.byPresence.byKey.get(true), found);
    for (let index = 0; index < values.length; index++) {
      const value = values[index] as FieldValue;
      eachOf(this.byValue.byKey.get(value), found);
      if (typeof value === 'string') this.#candidatesOfText(value, found);
      else if (typeof value === 'number' && this.numbers.count > 0) this.numbers.stab(value, found);
    }
    if (this.byWord.byKey.size === 0) return;
    for (const word of this.words) eachOf(this.byWord.byKey.get(word), found);
  }

  #candidatesOfText(text: string, found: (query: IndexedQuery) => void): void {
    for (const length of this.prefixLengths.keys())
      if (length <= text.length) eachOf(this.byPrefix.byKey.get(text.slice(0, length)), found);
    if (this.texts.count > 0) this.texts.stab(text, found);
  }

  #read(): readonly FieldValue[] {
    const [first] = this.#path;
    if (this.#path.length === 1 && first !== undefined) {
      const value = (this.#document as Readonly<Record<string, unknown>> | null | undefined)?.[first];
      if (value === undefined || value === null) return NOTHING;
      if (typeof value !== 'object') return [value as FieldValue];
    }
    const values: FieldValue[] = [];
    gather(this.#document, this.#path, { depth: 0, values });
    return values;
  }
}

function gather(
  value: unknown,
  path: readonly string[],
  into: { readonly depth: number; readonly values: FieldValue[] },
): void {
  if (value === undefined || value === null) return;
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index++) gather(value[index], path, into);
    return;
  }
  const name = path[into.depth];
  if (name !== undefined) {
    if (typeof value !== 'object') return;
    gather((value as Readonly<Record<string, unknown>>)[name], path, {
      depth: into.depth + 1,
      values: into.values,
    });
    return;
  }
  if (typeof value !== 'object') into.values.push(value as FieldValue);
  else if (value instanceof Date) into.values.push(value.getTime());
}

function wordsIn(values: readonly FieldValue[]): ReadonlySet<string> {
  const words = new Set<string>();
  for (const value of values)
    if (typeof value === 'string') for (const word of wordsOf(value)) words.add(word);
  return words.size === 0 ? NO_WORDS : words;
}

function eachOf(posting: readonly IndexedQuery[] | undefined, found: (query: IndexedQuery) => void): void {
  if (posting === undefined) return;
  for (let index = 0; index < posting.length; index++) found(posting[index] as IndexedQuery);
}
