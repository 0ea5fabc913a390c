// Functions of rows as functions of changes: what the engine's map, filter and flatMap call.
import type { UserFunction } from '../graph/operator.ts';
import type { Change } from './change.ts';

type AnyChange = Change<unknown>;

/** The row of an insert. */
export function rowOfChange(change: AnyChange): unknown {
  return change.row;
}

/** The insert of a row. */
export function insertOfRow(row: unknown): AnyChange {
  return { kind: 'insert', row };
}

/** False for a row as it was before an update. */
export function withoutUpdateBefore(change: AnyChange): boolean {
  return change.kind !== 'updateBefore';
}

/** The same change of what `map` makes of the row; a promise is handed on, to be refused as one. */
export function mapOfChanges(map: UserFunction): UserFunction {
  const ofRow = map as (row: unknown) => unknown;
  return (change: AnyChange) => {
    const row = ofRow(change.row);
    return row instanceof Promise ? row : { kind: change.kind, row };
  };
}

/** Whether the change's row passes `filter`. */
export function rowPasses(filter: UserFunction): UserFunction {
  const ofRow = filter as (row: unknown) => unknown;
  return (change: AnyChange) => ofRow(change.row);
}

/** The same change of each row that `flatMap` makes of the row. */
export function changesOfRow(flatMap: UserFunction): UserFunction {
  const ofRow = flatMap as (row: unknown) => Iterable<unknown>;
  return (change: AnyChange) => {
    const { kind } = change;
    const rows = ofRow(change.row);
    return Array.isArray(rows) ? rows.map((row: unknown) => ({ kind, row })) : each(kind, rows);
  };
}

function* each(kind: AnyChange['kind'], rows: Iterable<unknown>): Generator<AnyChange> {
  for (const row of rows) yield { kind, row };
}
