// Broadcast state: maps that every subtask has alike, because all get the same broadcast records in the same order.
import type { Json } from '@millrace/proto';
import { deepFreeze } from '../../chain/deep-freeze.ts';
import { jsonByteLength } from '../../checkpoint/json-byte-length.ts';
import { identityOfKey } from '../key-identity.ts';
import { decodeEntry, encodeEntry } from './entry-json.ts';
import type { StateBudget } from './operator-lists.ts';

type InlineState = { readonly [field: string]: Json };

interface Entry {
  readonly key: unknown;
  readonly value: unknown;
  readonly json: readonly [Json, Json];
  readonly bytes: number;
}

/** What functions see that may only read. What it hands out is frozen. */
export class BroadcastView {
  readonly #entries: ReadonlyMap<unknown, Entry>;

  constructor(entries: ReadonlyMap<unknown, Entry>) {
    this.#entries = entries;
  }

  get(key: unknown): unknown {
    return this.#entries.get(identityOfKey(key))?.value;
  }

  has(key: unknown): boolean {
    return this.#entries.has(identityOfKey(key));
  }

  entries(): Iterable<[unknown, unknown]> {
    return Array.from(this.#entries.values(), ({ key, value }) => [key, value]);
  }

  keys(): Iterable<unknown> {
    return Array.from(this.#entries.values(), ({ key }) => key);
  }

  values(): Iterable<unknown> {
    return Array.from(this.#entries.values(), ({ value }) => value);
  }

  isEmpty(): boolean {
    return this.#entries.size === 0;
  }
}

/** What the function for broadcast records sees. Threading: the slot's thread. */
export class BroadcastMap extends BroadcastView {
  readonly #name: string;
  readonly #budget: StateBudget;
  readonly #entries: Map<unknown, Entry>;

  constructor(name: string, restored: readonly Json[], budget: StateBudget) {
    const entries = new Map<unknown, Entry>();
    super(entries);
    this.#entries = entries;
    this.#name = name;
    this.#budget = budget;
    for (const json of restored) this.#restore(json as readonly [Json, Json]);
  }

  put(key: unknown, value: unknown): void {
    const what = `the broadcast state "${this.#name}"`;
    const entry = entryOf([encodeEntry(key, `a key of ${what}`), encodeEntry(value, what)]);
    const identity = identityOfKey(key);
    this.#budget.add(entry.bytes - (this.#entries.get(identity)?.bytes ?? 0), what);
    this.#entries.set(identity, entry);
  }

  remove(key: unknown): void {
    const identity = identityOfKey(key);
    this.#budget.take(-(this.#entries.get(identity)?.bytes ?? 0));
    this.#entries.delete(identity);
  }

  clear(): void {
    for (const { bytes } of this.#entries.values()) this.#budget.take(-bytes);
    this.#entries.clear();
  }

  /** As it stands in a snapshot: pairs of key and value. */
  json(): readonly Json[] {
    return Array.from(this.#entries.values(), ({ json }) => json);
  }

  #restore(json: readonly [Json, Json]): void {
    const entry = entryOf(json);
    this.#budget.take(entry.bytes);
    this.#entries.set(identityOfKey(entry.key), entry);
  }
}

function entryOf(json: readonly [Json, Json]): Entry {
  const [key, value] = json.map(decodeEntry);
  deepFreeze(key);
  deepFreeze(value);
  return { key, value, json, bytes: jsonByteLength(json) };
}

/** The broadcast states of one operator in one subtask, by name. Those that the program no longer declares are dropped. */
export class BroadcastMaps {
  readonly writable: { readonly [name: string]: BroadcastMap };
  readonly readable: { readonly [name: string]: BroadcastView };

  constructor(
    names: readonly string[],
    restored: {
      readonly states: readonly InlineState[];
      readonly migrations: ReadonlyMap<string, (old: unknown) => unknown>;
      /** Of states that have another name now. */
      readonly oldNames: ReadonlyMap<string, string>;
    },
    budget: StateBudget,
  ) {
    const saved = restored.states.find((state) => state['broadcast'] !== undefined)?.['broadcast'] as
      | InlineState
      | undefined;
    const maps = names.map((name) => {
      const saying = saved?.[name] ?? saved?.[restored.oldNames.get(name) ?? name];
      const pairs = Array.isArray(saying) ? (saying as readonly Json[]) : [];
      const migrate = restored.migrations.get(name);
      return [
        name,
        new BroadcastMap(name, migrate === undefined ? pairs : migrated(pairs, migrate), budget),
      ] as const;
    });
    this.writable = Object.freeze(Object.fromEntries(maps));
    this.readable = Object.freeze(
      Object.fromEntries(maps.map(([name, map]) => [name, readOnly(map)] as const)),
    );
  }

  /** All subtasks have the same at a barrier: one of them writes it. */
  snapshot(): Json {
    return Object.fromEntries(Object.entries(this.writable).map(([name, map]) => [name, map.json()]));
  }
}

function migrated(pairs: readonly Json[], migrate: (old: unknown) => unknown): readonly Json[] {
  return pairs.map((pair) => {
    const [key = null, value = null] = pair as readonly Json[];
    return [key, encodeEntry(migrate(decodeEntry(value)), 'a migrated value')];
  });
}

/** An object without the methods that write, so that a cast does not bring them back. */
function readOnly(map: BroadcastMap): BroadcastView {
  return Object.freeze({
    get: (key: unknown) => map.get(key),
    has: (key: unknown) => map.has(key),
    entries: () => map.entries(),
    keys: () => map.keys(),
    values: () => map.values(),
    isEmpty: () => map.isEmpty(),
  }) as unknown as BroadcastView;
}
