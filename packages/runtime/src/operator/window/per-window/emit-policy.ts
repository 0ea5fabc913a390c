// What goes on of a window's results: each firing's as they are, changes of results, or all results that are still kept.
import type { Change, EmitPolicy } from '@millrace/api';
import type { KeyedStateBackend, RowCursor, RowTable } from '@millrace/state';
import { deepFreeze } from '../../../chain/deep-freeze.ts';
import type { Paused } from '../../../chain/emission.ts';
import type { OperatorSetup } from '../../operator-setup.ts';
import { sameValue } from './same-value.ts';
import type { StateScope } from './scoped-states.ts';

/** Takes results of windows, each under the scope of its key and bounds. */
export interface ResultEmitter {
  /** A window fired with these results. */
  fired(scope: StateScope, results: readonly unknown[], timestampMs: number): void;
  /** A window became part of another one. */
  merged(scope: StateScope, timestampMs: number): void;
  /** A window is gone. */
  gone(scope: StateScope): void;
  /** All that was due has fired. */
  settled(): void;
}

/** Returns the emitter of a policy. */
export function resultEmitter(
  setup: OperatorSetup,
  backend: KeyedStateBackend,
  policy: EmitPolicy,
): ResultEmitter {
  if (policy === 'append') return new AppendEmitter(setup);
  // The results of the last firing, and their event time.
  const table = backend.table({ name: 'results', columns: ['value', 'f64'], hasNamespaces: false });
  return policy === 'update' ? new UpdateEmitter(setup, table) : new CompleteEmitter(setup, table);
}

function emitAll(setup: OperatorSetup, results: readonly unknown[], timestampMs: number): void {
  const { emission, output } = setup;
  const only = results[0];
  if (results.length === 1 && !emission.isStopped) {
    output.emit(only, timestampMs);
    emission.count++;
    return;
  }
  // An array throws nothing while it is gone over.
  const onError = (error: unknown): void => {
    throw error;
  };
  emission.emitAll(results, { timestampMs, emit: output.emit, onError });
}

class AppendEmitter implements ResultEmitter {
  readonly #setup: OperatorSetup;

  constructor(setup: OperatorSetup) {
    this.#setup = setup;
  }

  fired(_scope: StateScope, results: readonly unknown[], timestampMs: number): void {
    if (results.length > 0) emitAll(this.#setup, results, timestampMs);
  }

  merged(): void {}

  gone(): void {}

  settled(): void {}
}

/** Changes: what a window gave last time, row by row, becomes what it gives now. */
class UpdateEmitter implements ResultEmitter {
  readonly #setup: OperatorSetup;
  readonly #table: RowTable;

  constructor(setup: OperatorSetup, table: RowTable) {
    this.#setup = setup;
    this.#table = table;
  }

  fired({ key, hash }: StateScope, results: readonly unknown[], timestampMs: number): void {
    const table = this.#table;
    const row = table.upsert(key, hash, 0);
    const before = ((table.columns[0] as unknown[])[row] ?? []) as readonly unknown[];
    (table.columns[0] as unknown[])[row] = ownResults(results);
    (table.columns[1] as Float64Array)[row] = timestampMs;
    table.markDirty(row);
    this.#emit(changesBetween(before, results), timestampMs);
  }

  merged(scope: StateScope, timestampMs: number): void {
    const row = this.#table.find(scope.key, scope.hash, 0);
    if (row < 0) return;
    const before = (this.#table.columns[0] as unknown[])[row] as readonly unknown[];
    this.gone(scope);
    this.#emit(changesBetween(before, []), timestampMs);
  }

  gone({ key, hash }: StateScope): void {
    this.#table.remove(key, hash, 0);
  }

  settled(): void {}

  #emit(changes: readonly Change<unknown>[], timestampMs: number): void {
    if (changes.length > 0) emitAll(this.#setup, changes, timestampMs);
  }
}

/** Results as state keeps them: what goes on and what is kept are one, so that nobody may change it. */
function ownResults(results: readonly unknown[]): readonly unknown[] {
  const own = [...results];
  deepFreeze(own);
  return own;
}

function changesBetween(before: readonly unknown[], after: readonly unknown[]): readonly Change<unknown>[] {
  const changes: Change<unknown>[] = [];
  for (let index = 0; index < Math.max(before.length, after.length); index++) {
    const was = before[index];
    const is = after[index];
    if (index >= before.length) changes.push({ kind: 'insert', row: is });
    else if (index >= after.length) changes.push({ kind: 'delete', row: was });
    else if (!sameValue(was, is))
      changes.push({ kind: 'updateBefore', row: was }, { kind: 'updateAfter', row: is });
  }
  return changes;
}

/**
 * All results, after whatever fired. Windows that go are kept until they have been told of a last time.
 * Bounds: as many as windows that have fired and are kept.
 */
class CompleteEmitter implements ResultEmitter, Paused {
  readonly #setup: OperatorSetup;
  readonly #table: RowTable;
  #isChanged = false;
  #gone: StateScope[] = [];
  #cursor: RowCursor | undefined;

  constructor(setup: OperatorSetup, table: RowTable) {
    this.#setup = setup;
    this.#table = table;
  }

  fired({ key, hash }: StateScope, results: readonly unknown[], timestampMs: number): void {
    const row = this.#table.upsert(key, hash, 0);
    (this.#table.columns[0] as unknown[])[row] = ownResults(results);
    (this.#table.columns[1] as Float64Array)[row] = timestampMs;
    this.#table.markDirty(row);
    this.#isChanged = true;
  }

  merged({ key, hash }: StateScope): void {
    this.#table.remove(key, hash, 0);
  }

  gone({ key, hash }: StateScope): void {
    this.#gone.push({ key, hash });
  }

  settled(): void {
    if (this.#isChanged) this.#setup.emission.run(this);
    else this.#drop();
  }

  resume(): boolean {
    this.#isChanged = false;
    this.#cursor ??= this.#table.openCursor(0);
    for (let row = this.#cursor.next(); row !== -1; row = this.#cursor.next()) {
      const results = (this.#table.columns[0] as unknown[])[row] as readonly unknown[];
      const timestampMs = (this.#table.columns[1] as Float64Array)[row] as number;
      for (const result of results) this.#setup.output.emit(result, timestampMs);
      if (this.#setup.emission.mustStop()) return false;
    }
    this.#cursor = undefined;
    this.#drop();
    return true;
  }

  #drop(): void {
    for (const { key, hash } of this.#gone) this.#table.remove(key, hash, 0);
    this.#gone = [];
  }
}
