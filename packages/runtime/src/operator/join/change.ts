// Changes as operators read and write them: the API's `Change<T>`.

export interface Change {
  readonly kind: 'insert' | 'updateBefore' | 'updateAfter' | 'delete';
  readonly row: unknown;
}

/** It puts a row in; else it takes one away. */
export function isAccumulate({ kind }: Change): boolean {
  return kind === 'insert' || kind === 'updateAfter';
}
