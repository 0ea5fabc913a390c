// Rules by what the first event of a match must have: the index of standing queries, over numbers of versions.
import { isMillraceError } from '@millrace/common';
import type { PatternJson } from '@millrace/api';
import { QueryIndex } from '../percolate/query-index.ts';
import { startQuery } from './start-query.ts';

const NONE: readonly number[] = [];
const ANYTHING = { match_all: {} };

/** Contract: `starting` gives every version that an event may begin a match of, and few others. Bounds: those of its rules. */
export class RuleIndex {
  readonly #index = new QueryIndex();

  add(number: number, pattern: PatternJson): void {
    try {
      this.#index.put(number, number, startQuery(pattern) ?? ANYTHING);
    } catch (error) {
      // More fields than an index takes, say: the rule sees every event, as it does without an index.
      if (!isMillraceError(error)) throw error;
      this.#index.put(number, number, ANYTHING);
    }
  }

  remove(number: number): void {
    this.#index.delete(number);
  }

  /** Numbers, ascending. */
  starting(event: unknown): readonly number[] {
    if (this.#index.size === 0) return NONE;
    const numbers = this.#index.match(event) as number[];
    return numbers.length < 2 ? numbers : numbers.sort((a, b) => a - b);
  }
}
