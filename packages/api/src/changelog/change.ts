// A change of a row of a result.

/** A row that came, went, or took the place of another one: `updateBefore` is what it was, `updateAfter` what it is. */
export interface Change<T> {
  readonly kind: 'insert' | 'updateBefore' | 'updateAfter' | 'delete';
  readonly row: T;
}
