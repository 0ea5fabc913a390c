// A change of a table's row: what changelog streams are made of.

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

/** Returns the kind of a short form; undefined for any other text. */
export function kindOfSymbol(symbol: string): ChangeKind | undefined {
  const entry = Object.entries(SYMBOLS).find(([, text]) => text === symbol);
  return entry === undefined ? undefined : (entry[0] as ChangeKind);
}

/** True for the name of a kind. */
export function isChangeKind(kind: string): kind is ChangeKind {
  return Object.hasOwn(SYMBOLS, kind);
}

/** True when the row is there after the change, false when it is taken back. */
export function isAddition(kind: ChangeKind): boolean {
  return kind === 'insert' || kind === 'updateAfter';
}
