// Standing queries as data: what a document has to be like, in a subset of Elasticsearch's query language.

/** A value that a document's field is compared with. A Date is the number of its milliseconds. */
export type SearchValue = string | number | boolean | bigint | Date;

/** Bounds of a range: all that are given hold. Numbers and dates are compared as numbers, texts by their UTF-16 code units. */
export interface RangeBounds {
  readonly gt?: string | number | Date;
  readonly gte?: string | number | Date;
  readonly lt?: string | number | Date;
  readonly lte?: string | number | Date;
}

/** One field, by its path (`'user.name'`), and what is asked of it. */
interface OfField<V> {
  readonly [field: string]: V;
}

/**
 * A condition on a document: an object with exactly one of these names.
 * Contract: plain JSON, so that queries can come out of a topic or a file. A field that is an array has all of its elements as
 * values, one of which has to fit; null and undefined are no value. A path goes through objects and arrays of objects.
 */
export type SearchCondition =
  /** The field is the value. */
  | { readonly term: OfField<SearchValue> }
  /** The field is one of the values. */
  | { readonly terms: OfField<readonly SearchValue[]> }
  /** The field is within bounds. */
  | { readonly range: OfField<RangeBounds> }
  /** The text begins so. */
  | { readonly prefix: OfField<string> }
  /** The words of the query are in the text: one of them, or with `operator: 'and'` all. See {@link wordsOf}. */
  | { readonly match: OfField<string | { readonly query: string; readonly operator?: 'or' | 'and' }> }
  /** The field has a value. */
  | { readonly exists: { readonly field: string } }
  | { readonly match_all: {} }
  | { readonly bool: BooleanCondition };

/** Conditions combined. One of a kind may stand without an array. */
export interface BooleanCondition {
  /** All of them hold. */
  readonly must?: SearchCondition | readonly SearchCondition[];
  /** The same: nothing is scored here. */
  readonly filter?: SearchCondition | readonly SearchCondition[];
  /** At least `minimum_should_match` of them hold. */
  readonly should?: SearchCondition | readonly SearchCondition[];
  /** None of them holds. */
  readonly must_not?: SearchCondition | readonly SearchCondition[];
  /** Unset: 1 where there is only `should` and `must_not`, else 0. */
  readonly minimum_should_match?: number;
}

/** A query that stands until it is deleted. It may have fields of its own: whom to tell, say. */
export interface StandingQuery {
  /** Its key: an insert or update of the same id replaces it. */
  readonly id: string | number;
  readonly query: SearchCondition;
}

/** A document and a query that it fits. */
export interface PercolateMatch<D, Q> {
  readonly document: D;
  readonly query: Q;
}

/** Words of a text as `match` knows them: runs of letters, digits and marks of any language, in lower case. */
export function wordsOf(text: string): readonly string[] {
  return text.toLowerCase().match(/[\p{L}\p{N}\p{M}]+/gu) ?? [];
}
