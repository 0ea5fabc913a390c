// What keyed state should hold, in plain Maps, and the comparison with backends that hold it.
import { strict as assert } from 'node:assert';
import { hashKey, keyGroupOfHash } from '@millrace/common';
import type { KeyedStateBackend, RowTable, TimerDomain } from '../keyed-state-backend.ts';

export const KEY_GROUP_COUNT = 48;
export const NAMESPACES = [0, 10, 20, -5.5] as const;
export const MAP_KEYS = ['a', 'b', 3, null, 'a-longer-map-key-that-is-cut'] as const;

/** Keys of all kinds; equal ones are the same key. */
export const KEYS: readonly unknown[] = [
  0,
  -0,
  1,
  2.5,
  -7,
  NaN,
  'x',
  'a string of more than twelve',
  'ключ',
  true,
  null,
  12n,
  ['a', 1],
  { b: 1, a: 'x' },
  { a: 'x', b: 1 },
  new Date(5),
  ...Array.from({ length: 24 }, (_, index) => index * 3 + 100),
];

/** Mostly of two numbers, as a column of keys has them side by side; equal ones are the same key. */
export const PACKED_KEYS: readonly unknown[] = [
  [0, -0],
  [0, 0],
  [NaN, 1],
  [2.5, -7],
  ...Array.from({ length: 16 }, (_, index) => [index >> 2, index & 3]),
  [1, 2, 3],
  ['a', 1],
  7,
];

/** The same with texts in the place of the second number. */
export const TEXT_KEYS: readonly unknown[] = PACKED_KEYS.map((key) => {
  const [first, second] = Array.isArray(key) && key.length === 2 ? (key as unknown[]) : [];
  return typeof second === 'number' ? [first, `number ${second}`] : key;
});

/** Text that is equal for equal keys. */
export function canonical(key: unknown): string {
  if (typeof key === 'number') return `n${key === 0 ? 0 : key}`;
  if (typeof key === 'bigint') return `i${key}`;
  if (key instanceof Date) return `d${key.getTime()}`;
  if (Array.isArray(key)) return `[${key.map(canonical).join()}]`;
  if (typeof key !== 'object' || key === null) return `${typeof key}:${String(key)}`;
  const record = key as Record<string, unknown>;
  return `{${Object.keys(record)
    .sort()
    .map((name) => `${name}=${canonical(record[name])}`)
    .join()}}`;
}

export interface KeyModel {
  /** Columns of the un-namespaced table. */
  row: [number, unknown] | undefined;
  slices: Map<number, number>;
  value: unknown;
  list: unknown[];
  map: Map<string, [unknown, unknown]>;
  timers: Map<string, [TimerDomain, number]>;
  /** Bits of each distinct value. */
  distinct: Map<string, number>;
}

/** By canonical key. */
export class StateModel {
  readonly keys = new Map<string, KeyModel>();
  /** Columns of the table of packed rows. */
  readonly packed = new Map<string, readonly [unknown, number]>();

  of(key: unknown): KeyModel {
    const name = canonical(key);
    const found = this.keys.get(name);
    if (found !== undefined) return found;
    const made: KeyModel = {
      row: undefined,
      slices: new Map(),
      value: undefined,
      list: [],
      map: new Map(),
      timers: new Map(),
      distinct: new Map(),
    };
    this.keys.set(name, made);
    return made;
  }

  copy(): StateModel {
    const copy = new StateModel();
    for (const [name, row] of this.packed) copy.packed.set(name, row);
    for (const [name, model] of this.keys) {
      copy.keys.set(name, {
        row: model.row === undefined ? undefined : [...model.row],
        slices: new Map(model.slices),
        value: model.value,
        list: [...model.list],
        map: new Map(model.map),
        timers: new Map(model.timers),
        distinct: new Map(model.distinct),
      });
    }
    return copy;
  }
}

/** A backend with the state that the model has. */
export interface Subject {
  readonly backend: KeyedStateBackend;
  readonly firstKeyGroup: number;
  readonly lastKeyGroup: number;
  readonly rows: RowTable;
  readonly slices: RowTable;
  readonly packed: RowTable;
}

export function subjectOf(subjects: readonly Subject[], key: unknown): Subject {
  const keyGroup = keyGroupOfHash(hashKey(key), KEY_GROUP_COUNT);
  const found = subjects.find(
    (subject) => subject.firstKeyGroup <= keyGroup && keyGroup <= subject.lastKeyGroup,
  );
  assert(found !== undefined);
  return found;
}

/** Throws unless the subjects hold exactly what the model says. Timers: see `drainTimers`. */
export function compare(subjects: readonly Subject[], model: StateModel): void {
  for (const key of KEYS) compareKey(subjectOf(subjects, key), model.of(key), key);
  comparePacked(subjects, model);
  const wanted = new Set<string>();
  for (const [name, { slices }] of model.keys) {
    for (const [namespace, value] of slices) wanted.add(`${namespace}|${name}|${value}`);
  }
  const seen: string[] = [];
  for (const { slices } of subjects) {
    for (const namespace of slices.namespaces()) {
      const cursor = slices.openCursor(namespace);
      for (let row = cursor.next(); row >= 0; row = cursor.next()) {
        const value = (slices.columns[0] as Float64Array)[row];
        seen.push(`${namespace}|${canonical(slices.keyOf(row))}|${value}`);
      }
    }
  }
  assert.deepEqual(seen.sort(), [...wanted].sort());
}

function comparePacked(subjects: readonly Subject[], model: StateModel): void {
  for (const key of [...PACKED_KEYS, ...TEXT_KEYS]) {
    const { packed } = subjectOf(subjects, key);
    const row = packed.find(key, hashKey(key), 0);
    assert.deepEqual(
      row < 0 ? undefined : [packed.packed(0).get(row), (packed.columns[1] as Float64Array)[row]],
      model.packed.get(canonical(key)),
      `packed row of ${canonical(key)}`,
    );
  }
  const seen: string[] = [];
  for (const { packed } of subjects) {
    const cursor = packed.openCursor(0);
    for (let row = cursor.next(); row >= 0; row = cursor.next()) seen.push(canonical(packed.keyOf(row)));
  }
  assert.deepEqual(seen.sort(), [...model.packed.keys()].sort());
}

function compareKey(subject: Subject, model: KeyModel, key: unknown): void {
  const { backend, rows, slices } = subject;
  const hash = hashKey(key);
  const row = rows.find(key, hash, 0);
  const columns = rows.columns as readonly [Float64Array, unknown[]];
  assert.deepEqual(
    row < 0 ? undefined : [columns[0][row], columns[1][row]],
    model.row,
    `row of ${canonical(key)}`,
  );
  for (const namespace of NAMESPACES) {
    const slot = slices.find(key, hash, namespace);
    assert.equal(
      slot < 0 ? undefined : (slices.columns[0] as Float64Array)[slot],
      model.slices.get(namespace),
    );
  }
  backend.setCurrentKey(key, hash);
  assert.deepEqual(backend.valueState('v').value(), model.value, `value of ${canonical(key)}`);
  assert.deepEqual([...backend.listState('l').get()], model.list, `list of ${canonical(key)}`);
  const map = backend.mapState('m');
  const entries = [...map.entries()].map(([mapKey, value]) => [canonical(mapKey), value] as const);
  const wanted = [...model.map].map(([name, [, value]]) => [name, value] as const);
  assert.deepEqual(new Map(entries), new Map(wanted), `map of ${canonical(key)}`);
  assert.equal(entries.length, model.map.size);
  assert.equal(map.isEmpty(), model.map.size === 0);
  for (const mapKey of MAP_KEYS) assert.deepEqual(map.get(mapKey), model.map.get(canonical(mapKey))?.[1]);
}

/** The value `n`: mostly an integer, of each key some that are not. */
export function distinctValueOf(n: number): unknown {
  if (n % 7 === 3) return n + 0.5;
  return n % 11 === 5 ? `a value of some length ${n}` : n;
}

/** Distinct values up to which `takeDistinct` asks. */
const DISTINCT_VALUES = 1_200;
const ALL_BITS = 0b1111;

/** Adds all bits to all values and throws unless exactly those are new that the model has not. */
export function takeDistinct(subjects: readonly Subject[], model: StateModel): void {
  const names = new Set<string>();
  for (const key of KEYS) {
    // Equal keys would have been asked already.
    if (names.has(canonical(key))) continue;
    names.add(canonical(key));
    const { distinct } = model.of(key);
    const values = subjectOf(subjects, key).backend.distinctValues('d');
    values.select(key, hashKey(key));
    for (let n = 0; n < DISTINCT_VALUES; n++) {
      const value = distinctValueOf(n);
      // Of most values only a few: looking up all of each key would take longer than all else.
      if (!distinct.has(canonical(value)) && n % 97 !== 0) continue;
      assert.equal(values.add(value, ALL_BITS), ALL_BITS & ~(distinct.get(canonical(value)) ?? 0));
    }
  }
}

/** Polls all timers and throws unless they are the model's, in order of time. */
export function drainTimers(subjects: readonly Subject[], model: StateModel): void {
  const wanted: string[] = [];
  for (const [name, { timers }] of model.keys) {
    for (const [domain, time] of timers.values()) wanted.push(`${domain}|${time}|${name}`);
  }
  const seen: string[] = [];
  for (const { backend } of subjects) {
    for (const domain of ['event', 'processing'] as const) {
      let last = -Infinity;
      for (
        let time = backend.timers.pollDue(domain, 1e15);
        time !== undefined;
        time = backend.timers.pollDue(domain, 1e15)
      ) {
        assert(time >= last, 'timers come in order of time');
        last = time;
        seen.push(`${domain}|${time}|${canonical(backend.currentKey)}`);
      }
    }
  }
  assert.deepEqual(seen.sort(), wanted.sort());
}
