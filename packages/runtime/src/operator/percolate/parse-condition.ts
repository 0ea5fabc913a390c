// From a query as it came in a record to a condition: everything about it is checked here, since types do not reach a topic.
import { MillraceError } from '@millrace/common';
import { wordsOf } from '@millrace/api';
import type { Condition } from './condition.ts';
import type { DocumentField, FieldValue } from './document-field.ts';

/** Conditions that a query nests at most. */
const NESTING_MAX = 32;
/** Conditions, values and words of a query at most. */
const PARTS_MAX = 10_000;
const BOUNDS = ['gt', 'gte', 'lt', 'lte'] as const;
const CLAUSES = ['must', 'filter', 'should', 'must_not', 'minimum_should_match'] as const;

/** What a parse shares: the fields of the index, and how much it may still take. */
interface Parse {
  readonly fieldOf: (name: string) => DocumentField;
  readonly id: unknown;
  partsLeft: number;
}

/**
 * Returns the condition of the query `id`. `fieldOf` is called for each field that it reads.
 * @throws {MillraceError} MR_QUERY_INVALID that says what of the query is wrong
 */
export function parseCondition(
  query: unknown,
  of: { readonly id: unknown; readonly fieldOf: (name: string) => DocumentField },
): Condition {
  return parse(query, { ...of, partsLeft: PARTS_MAX }, 0);
}

function parse(query: unknown, of: Parse, depth: number): Condition {
  if (depth > NESTING_MAX) throw refused(of, `it nests conditions more than ${NESTING_MAX} deep`);
  take(of, 1);
  const [kind, value] = onlyEntry(query, of, 'a condition such as { term: { category: "books" } }');
  switch (kind) {
    case 'match_all':
      return { kind: 'all' };
    case 'exists':
      return { kind: 'exists', field: of.fieldOf(fieldOfExists(value, of)) };
    case 'bool':
      return parseBool(value, of, depth);
    case 'term':
    case 'terms':
    case 'range':
    case 'prefix':
    case 'match':
      return parseField(kind, value, of);
    default:
      throw refused(
        of,
        `it has the condition "${kind}"; known are term, terms, range, prefix, match, exists, match_all and bool`,
      );
  }
}

function parseField(
  kind: 'term' | 'terms' | 'range' | 'prefix' | 'match',
  value: unknown,
  of: Parse,
): Condition {
  const [name, wanted] = onlyEntry(value, of, `one field in "${kind}"`);
  if (kind === 'range') {
    const bounds = parseBounds(name, wanted, of);
    return { kind, field: of.fieldOf(name), ...bounds };
  }
  if (kind === 'prefix') {
    if (typeof wanted !== 'string') throw refused(of, `the prefix of "${name}" is no text`);
    return { kind, field: of.fieldOf(name), prefix: wanted };
  }
  if (kind === 'match') {
    const { words, isEvery } = parseMatch(name, wanted, of);
    return { kind: 'words', field: of.fieldOf(name), words, isEvery };
  }
  if (kind === 'terms' && !Array.isArray(wanted)) throw refused(of, `the terms of "${name}" are no array`);
  const listed = kind === 'terms' ? (wanted as readonly unknown[]) : [wanted];
  take(of, listed.length);
  const values = listed.map((each) => valueOf(name, each, of));
  return { kind: 'values', field: of.fieldOf(name), values };
}

function parseBool(value: unknown, of: Parse, depth: number): Condition {
  if (!isPlain(value)) throw refused(of, 'its "bool" is no object');
  for (const name of Object.keys(value))
    if (!(CLAUSES as readonly string[]).includes(name))
      throw refused(of, `its "bool" has "${name}"; known are ${CLAUSES.join(', ')}`);
  const clause = (name: (typeof CLAUSES)[number]): Condition[] => {
    const given = value[name];
    const listed: readonly unknown[] = given === undefined ? [] : Array.isArray(given) ? given : [given];
    return listed.map((each) => parse(each, of, depth + 1));
  };
  const must = [...clause('must'), ...clause('filter')];
  const should = clause('should');
  const least = value['minimum_should_match'] ?? (must.length === 0 && should.length > 0 ? 1 : 0);
  if (typeof least !== 'number' || !Number.isInteger(least) || least < 0)
    throw refused(of, 'its "minimum_should_match" is no whole number of 0 or more');
  return { kind: 'bool', must, should, mustNot: clause('must_not'), shouldMin: least };
}

function parseBounds(
  name: string,
  value: unknown,
  of: Parse,
): Pick<Extract<Condition, { kind: 'range' }>, 'low' | 'isLowOpen' | 'high' | 'isHighOpen'> {
  if (!isPlain(value)) throw refused(of, `the range of "${name}" is no object with gt, gte, lt or lte`);
  for (const bound of Object.keys(value))
    if (!(BOUNDS as readonly string[]).includes(bound))
      throw refused(of, `the range of "${name}" has "${bound}"; known are ${BOUNDS.join(', ')}`);
  const bounds = Object.fromEntries(
    BOUNDS.map((bound) => [bound, value[bound] === undefined ? undefined : boundOf(name, value[bound], of)]),
  );
  const { gt, gte, lt, lte } = bounds as { readonly [bound in (typeof BOUNDS)[number]]?: string | number };
  const kinds = new Set(
    [gt, gte, lt, lte].filter((bound) => bound !== undefined).map((bound) => typeof bound),
  );
  if (kinds.size !== 1)
    throw refused(of, `the range of "${name}" needs a bound, and if several, all numbers or all texts`);
  const isLowOpen = gt !== undefined && (gte === undefined || gt >= gte);
  const isHighOpen = lt !== undefined && (lte === undefined || lt <= lte);
  return { low: isLowOpen ? gt : gte, isLowOpen, high: isHighOpen ? lt : lte, isHighOpen };
}

function parseMatch(
  name: string,
  value: unknown,
  of: Parse,
): { readonly words: readonly string[]; readonly isEvery: boolean } {
  const options = typeof value === 'string' ? { query: value } : value;
  if (!isPlain(options) || typeof options['query'] !== 'string')
    throw refused(of, `the match of "${name}" is no text, and no object with \`query\``);
  const operator = options['operator'] ?? 'or';
  if (operator !== 'or' && operator !== 'and')
    throw refused(of, `the operator of the match of "${name}" is neither "or" nor "and"`);
  const words = [...new Set(wordsOf(options['query']))];
  if (words.length === 0) throw refused(of, `the match of "${name}" has no words`);
  take(of, words.length);
  return { words, isEvery: operator === 'and' };
}

function fieldOfExists(value: unknown, of: Parse): string {
  const field = isPlain(value) ? value['field'] : undefined;
  if (typeof field === 'string' && field !== '') return field;
  throw refused(of, 'its "exists" names no field: write { exists: { field: "price" } }');
}

function boundOf(name: string, value: unknown, of: Parse): string | number {
  const bound = valueOf(name, value, of);
  if (typeof bound === 'string' || (typeof bound === 'number' && !Number.isNaN(bound))) return bound;
  throw refused(of, `a bound of the range of "${name}" is neither a number nor a text`);
}

function valueOf(name: string, value: unknown, of: Parse): FieldValue {
  if (value instanceof Date) return value.getTime();
  if (
    typeof value === 'string' ||
    typeof value === 'number' ||
    typeof value === 'boolean' ||
    typeof value === 'bigint'
  )
    return value;
  throw refused(of, `it compares "${name}" with something that is no text, number, boolean, bigint or date`);
}

function onlyEntry(value: unknown, of: Parse, wanted: string): readonly [name: string, value: unknown] {
  const entries = isPlain(value) ? Object.entries(value).filter(([, each]) => each !== undefined) : [];
  const [entry] = entries;
  if (entry !== undefined && entries.length === 1 && entry[0] !== '') return entry;
  throw refused(
    of,
    `it has ${entries.length === 0 ? 'nothing' : 'several names'} where ${wanted} is expected`,
  );
}

function isPlain(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

function take(of: Parse, parts: number): void {
  of.partsLeft -= parts;
  if (of.partsLeft < 0) throw refused(of, `it has more than ${PARTS_MAX} conditions, values and words`);
}

function refused({ id }: Parse, why: string): MillraceError {
  return new MillraceError(
    'MR_QUERY_INVALID',
    `Cannot take standing query ${JSON.stringify(id) ?? String(id)}: ${why}`,
    {
      details: { queryId: id },
    },
  );
}
