// Sessions of a key that touch become one. Where the state of a session is does not change by that: it stays under the bounds
// of the window that it began as. Source: Flink's MergingWindowSet.
import type { ValueStateHandle } from '@millrace/state';
import type { Bounds } from './window-key.ts';

/** A session, and the bounds that its contents are kept under. */
interface Session extends Bounds {
  readonly kept: Bounds;
}

/** Told of a merge before the merged sessions' state is gone. */
export type OnMerge = (merge: {
  readonly into: Bounds;
  /** The sessions that were, the earliest first. */
  readonly merged: readonly Bounds[];
  /** Where the contents are to be, and where they also are. */
  readonly kept: Bounds;
  readonly alsoKept: readonly Bounds[];
}) => void;

/**
 * The sessions of the current key.
 * Contract: `load` reads them, `store` writes what changed; the state's current key is the caller's to set before both.
 * Bounds: as many as a key has open sessions; all are looked at for each record.
 */
export class MergingWindows {
  readonly #state: ValueStateHandle;
  #sessions: Session[] = [];
  #isChanged = false;

  constructor(state: ValueStateHandle) {
    this.#state = state;
  }

  load(): void {
    const flat = (this.#state.value() ?? []) as readonly number[];
    this.#sessions = [];
    for (let at = 0; at < flat.length; at += 4) {
      const kept = { start: flat[at + 2] as number, end: flat[at + 3] as number };
      this.#sessions.push({ start: flat[at] as number, end: flat[at + 1] as number, kept });
    }
    this.#isChanged = false;
  }

  store(): void {
    if (!this.#isChanged) return;
    if (this.#sessions.length === 0) this.#state.clear();
    else
      this.#state.update(
        this.#sessions.flatMap(({ start, end, kept }) => [start, end, kept.start, kept.end]),
      );
  }

  /** Adds a record's window; returns the session that it is in. */
  add(window: Bounds, onMerge: OnMerge): Bounds {
    const touching = this.#sessions
      .filter((session) => session.start <= window.end && session.end >= window.start)
      .sort((a, b) => a.start - b.start);
    const first = touching[0];
    if (first === undefined) {
      this.#replace([], { ...window, kept: window });
      return window;
    }
    const into = {
      start: Math.min(window.start, first.start),
      end: touching.reduce((end, session) => Math.max(end, session.end), window.end),
    };
    if (touching.length === 1 && into.start === first.start && into.end === first.end) return into;
    this.#replace(touching, { ...into, kept: first.kept });
    onMerge({
      into,
      merged: touching.map(({ start, end }) => ({ start, end })),
      kept: first.kept,
      alsoKept: touching.slice(1).map(({ kept }) => kept),
    });
    return into;
  }

  /** Where the contents of a session are; undefined: there is no such session. */
  keptOf(window: Bounds): Bounds | undefined {
    return this.#find(window)?.kept;
  }

  retire(window: Bounds): void {
    const session = this.#find(window);
    if (session !== undefined) this.#replace([session], undefined);
  }

  #find({ start, end }: Bounds): Session | undefined {
    return this.#sessions.find((session) => session.start === start && session.end === end);
  }

  #replace(gone: readonly Session[], come: Session | undefined): void {
    this.#sessions = this.#sessions.filter((session) => !gone.includes(session));
    if (come !== undefined) this.#sessions.push(come);
    this.#isChanged = true;
  }
}
