// [HOT] Standing queries, indexed by what a document must have to fit them.
import { invariant, MillraceError, unreachable } from '@millrace/common';
import { holds, type Condition } from './condition.ts';
import { DocumentField, type FieldValue } from './document-field.ts';
import { UNBOUNDED, type Interval, type IntervalIndex } from './interval-index.ts';
import { parseCondition } from './parse-condition.ts';

/** Fields that the queries of one subtask name at most: each is looked at in each document. */
const FIELDS_MAX = 10_000;

/** A place in the index where a query is found. */
type Anchor =
  | { readonly kind: 'value'; readonly field: DocumentField; readonly value: FieldValue }
  | { readonly kind: 'word' | 'prefix'; readonly field: DocumentField; readonly text: string }
  | { readonly kind: 'presence'; readonly field: DocumentField }
  | {
      readonly kind: 'interval';
      readonly field: DocumentField;
      readonly low: string | number | undefined;
      readonly high: string | number | undefined;
    };

/** Anchors of which a fitting document meets one at least, and about how many queries such a document then tries. */
interface Cover {
  readonly anchors: readonly Anchor[];
  readonly cost: number;
  /** What still has to hold for a document that meets an anchor. */
  readonly rest: Condition;
}

const NOTHING_LEFT: Condition = { kind: 'all' };

/** A query as it stands in the index. */
export interface IndexedQuery {
  readonly id: string | number;
  /** The record that it came in. */
  readonly record: unknown;
  readonly condition: Condition;
  /** The same for documents that an anchor found. */
  readonly rest: Condition;
  readonly anchors: readonly Anchor[];
  readonly intervals: readonly {
    readonly of: IntervalIndex<IndexedQuery>;
    readonly interval: Interval<IndexedQuery>;
  }[];
  readonly fields: readonly string[];
  /** Number of the document that it was tried on last. */
  triedOn: number;
}

interface MutableQuery extends IndexedQuery {
  intervals: { of: IntervalIndex<IndexedQuery>; interval: Interval<IndexedQuery> }[];
}

/**
 * Finds the queries that a document fits.
 * Contract: a document is tried on the queries only for which it has the value, a word, the prefix or a point in the interval
 * that they need, whichever of these fewest queries share; on all queries that need nothing (`match_all`, only `must_not`).
 * Bounds: memory is proportional to the queries. Threading: the task's thread.
 */
export class QueryIndex {
  readonly #queries = new Map<string | number, IndexedQuery>();
  readonly #fields = new Map<string, DocumentField>();
  /** Queries that need nothing. */
  readonly #always = new Map<string | number, IndexedQuery>();
  #documentNumber = 0;
  #found: unknown[] = [];
  /** Queries that documents were tried on so far. */
  triedCount = 0;
  readonly #try = (query: IndexedQuery): void => {
    if (query.triedOn === this.#documentNumber) return;
    query.triedOn = this.#documentNumber;
    this.triedCount++;
    if (holds(query.rest)) this.#found.push(query.record);
  };

  get size(): number {
    return this.#queries.size;
  }

  /**
   * Adds the query of a record, or replaces the one with its id.
   * @throws {MillraceError} MR_QUERY_INVALID when it is none; nothing is changed then
   */
  put(id: string | number, record: unknown, query: unknown): void {
    const used: string[] = [];
    let condition: Condition;
    try {
      condition = parseCondition(query, {
        id,
        fieldOf: (name) => {
          const field = this.#use(name);
          used.push(name);
          return field;
        },
      });
    } catch (error) {
      for (const name of used) this.#release(name);
      throw error;
    }
    this.delete(id);
    const cover = coverOf(condition);
    const added: MutableQuery = {
      id,
      record,
      condition,
      rest: cover?.rest ?? condition,
      anchors: cover?.anchors ?? [],
      intervals: [],
      fields: used,
      triedOn: 0,
    };
    this.#queries.set(id, added);
    if (cover === undefined) this.#always.set(id, added);
    for (const anchor of added.anchors) addAnchor(anchor, added);
  }

  delete(id: string | number): void {
    const query = this.#queries.get(id);
    if (query === undefined) return;
    this.#queries.delete(id);
    this.#always.delete(id);
    for (const anchor of query.anchors) removeAnchor(anchor, query);
    for (const { of, interval } of query.intervals) of.remove(interval);
    for (const name of query.fields) this.#release(name);
  }

  /** The records of the queries that `document` fits, in no order. */
  match(document: unknown): readonly unknown[] {
    this.#found = [];
    this.#documentNumber++;
    for (const field of this.#fields.values()) field.load(document);
    for (const field of this.#fields.values()) field.candidates(this.#try);
    for (const query of this.#always.values()) this.#try(query);
    for (const field of this.#fields.values()) field.unload();
    const found = this.#found;
    this.#found = [];
    return found;
  }

  /** The same by trying every query. */
  matchByTryingAll(document: unknown): readonly unknown[] {
    for (const field of this.#fields.values()) field.load(document);
    const found: unknown[] = [];
    for (const query of this.#queries.values()) if (holds(query.condition)) found.push(query.record);
    return found;
  }

  #use(name: string): DocumentField {
    let field = this.#fields.get(name);
    if (field === undefined) {
      if (this.#fields.size >= FIELDS_MAX)
        throw new MillraceError(
          'MR_QUERY_INVALID',
          `Cannot take a standing query about the field "${name}": queries name ${FIELDS_MAX} fields already`,
        );
      field = new DocumentField(name);
      this.#fields.set(name, field);
    }
    field.uses++;
    return field;
  }

  #release(name: string): void {
    const field = this.#fields.get(name);
    invariant(field !== undefined, 'a field that a query names is in the index');
    field.uses--;
    if (field.uses === 0) this.#fields.delete(name);
  }
}

/** undefined: a document may fit without having anything. */
function coverOf(condition: Condition): Cover | undefined {
  switch (condition.kind) {
    case 'all':
      return undefined;
    case 'values': {
      const { field, values } = condition;
      return eitherOf(
        values.map((value) => ({
          anchors: [{ kind: 'value', field, value }],
          cost: 1 + field.byValue.countOf(value),
          rest: NOTHING_LEFT,
        })),
        condition,
      );
    }
    case 'words':
      return coverOfWords(condition);
    case 'prefix': {
      const { field, prefix } = condition;
      const cost = 2 + field.byPrefix.countOf(prefix);
      return { anchors: [{ kind: 'prefix', field, text: prefix }], cost, rest: NOTHING_LEFT };
    }
    case 'range':
      return coverOfRange(condition);
    case 'exists': {
      const { field } = condition;
      const cost = 1_000 + field.byPresence.countOf(true);
      return { anchors: [{ kind: 'presence', field }], cost, rest: NOTHING_LEFT };
    }
    case 'bool':
      return coverOfBool(condition);
    default:
      return unreachable(condition);
  }
}

function coverOfWords(condition: Extract<Condition, { kind: 'words' }>): Cover {
  const { field, words, isEvery } = condition;
  const covers = words.map<Cover>((text) => {
    const others = words.filter((word) => word !== text);
    return {
      anchors: [{ kind: 'word', field, text }],
      // Long words are rare in texts; at first there is nothing else to go by.
      cost: 1 + field.byWord.countOf(text) + 8 / text.length,
      rest: isEvery && others.length > 0 ? { ...condition, words: others } : NOTHING_LEFT,
    };
  });
  return isEvery ? leastOf(covers) : eitherOf(covers, condition);
}

/** How many intervals a point is in cannot be known: half of those without an end, few of the others. */
function coverOfRange(condition: Extract<Condition, { kind: 'range' }>): Cover {
  const { field, low, high } = condition;
  const index = typeof (low ?? high) === 'number' ? field.numbers : field.texts;
  const share = low === undefined || high === undefined ? 0.5 : 0.05;
  // Intervals are closed: open bounds are looked at once more.
  return {
    anchors: [{ kind: 'interval', field, low, high }],
    cost: 4 + share * index.count,
    rest: condition,
  };
}

/** All of `must` hold, so that the cheapest of them is enough; of `should`, one of them has to be met. */
function coverOfBool(condition: Extract<Condition, { kind: 'bool' }>): Cover | undefined {
  const { must, should, shouldMin } = condition;
  const covers = must.flatMap((part, index) => {
    const cover = coverOf(part);
    if (cover === undefined) return [];
    const left = cover.rest === NOTHING_LEFT ? [] : [cover.rest];
    const rest = boolOf({ ...condition, must: [...must.slice(0, index), ...must.slice(index + 1), ...left] });
    return [{ ...cover, rest }];
  });
  if (shouldMin > 0) {
    const alternatives = should.map(coverOf);
    if (alternatives.every((cover) => cover !== undefined)) {
      const isMet = shouldMin === 1 && alternatives.every(({ rest }) => rest === NOTHING_LEFT);
      const rest = isMet ? boolOf({ ...condition, should: [], shouldMin: 0 }) : condition;
      covers.push({ ...eitherOf(alternatives, condition), rest });
    }
  }
  return covers.length === 0 ? undefined : leastOf(covers);
}

function boolOf(condition: Extract<Condition, { kind: 'bool' }>): Condition {
  const { must, mustNot, shouldMin } = condition;
  const [only] = must;
  if (mustNot.length > 0 || shouldMin > 0 || must.length > 1) return condition;
  return only ?? NOTHING_LEFT;
}

function leastOf(covers: readonly Cover[]): Cover {
  return covers.reduce((least, cover) => (cover.cost < least.cost ? cover : least));
}

/** Several alternatives; which of them was met is not known, so that all of `whole` is left unless each leaves nothing. */
function eitherOf(covers: readonly Cover[], whole: Condition): Cover {
  return {
    anchors: covers.flatMap(({ anchors }) => anchors),
    cost: covers.reduce((sum, { cost }) => sum + cost, 0),
    rest: covers.every(({ rest }) => rest === NOTHING_LEFT) ? NOTHING_LEFT : whole,
  };
}

function addAnchor(anchor: Anchor, query: MutableQuery): void {
  const { field } = anchor;
  switch (anchor.kind) {
    case 'value':
      return field.byValue.add(anchor.value, query);
    case 'word':
      return field.byWord.add(anchor.text, query);
    case 'prefix':
      return field.addPrefix(anchor.text, query);
    case 'presence':
      return field.byPresence.add(true, query);
    case 'interval': {
      const { low = UNBOUNDED, high = UNBOUNDED } = anchor;
      const of = typeof low === 'number' || typeof high === 'number' ? field.numbers : field.texts;
      query.intervals.push({ of, interval: of.add(low, high, query) });
      return undefined;
    }
    default:
      return unreachable(anchor);
  }
}

function removeAnchor(anchor: Anchor, query: IndexedQuery): void {
  const { field } = anchor;
  switch (anchor.kind) {
    case 'value':
      return field.byValue.remove(anchor.value, query);
    case 'word':
      return field.byWord.remove(anchor.text, query);
    case 'prefix':
      return field.removePrefix(anchor.text, query);
    case 'presence':
      return field.byPresence.remove(true, query);
    // Intervals are removed by themselves.
    case 'interval':
      return undefined;
    default:
      return unreachable(anchor);
  }
}
