// A change of a table's row: what changelog streams are made of.
import type { DeepReadonly } from '../readonly.ts';

/** What happened to a row. */
export type ChangeKind = 'insert' | 'updateBefore' | 'updateAfter' | 'delete';

/**
 * A change of one row. An update is `updateBefore` with the row as it was, then `updateAfter` with the row as it is.
 * Source: Flink's RowKind.
 */
export interface Change<T> {
  readonly kind: ChangeKind;
  readonly row: T;
}

/** How a kind is written in texts. */
export type ChangeSymbol = '+I' | '-U' | '+U' | '-D';

const SYMBOLS: { readonly [Kind in ChangeKind]: ChangeSymbol } = {
  insert: '+I',
  updateBefore: '-U',
  updateAfter: '+U',
  delete: '-D',
};

/** Returns the short form of a kind: `+I`, `-U`, `+U` or `-D`. */
export function changeSymbol(kind: ChangeKind): ChangeSymbol {
  return SYMBOLS[kind];
}

/** True for the name of a kind. */
export function isChangeKind(kind: string): kind is ChangeKind {
  return Object.hasOwn(SYMBOLS, kind);
}

/** True when the row is there after the change, false when it is taken back. */
export function isAddition(kind: ChangeKind): boolean {
  return kind === 'insert' || kind === 'updateAfter';
}

/** A change as functions see it. */
export type ReadonlyChange<T> = DeepReadonly<Change<T>>;
