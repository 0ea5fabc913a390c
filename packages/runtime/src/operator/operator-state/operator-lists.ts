// Lists of a subtask, not of a key: dealt out over the subtasks at a restore, or given to all of them.
import { MillraceError } from '@millrace/common';
import type { OperatorListOptions } from '@millrace/api';
import type { Json } from '@millrace/proto';
import { deepFreeze } from '../../chain/deep-freeze.ts';
import { jsonByteLength } from '../../checkpoint/json-byte-length.ts';
import { checkedMigration } from '../state-migrations.ts';
import { decodeEntry, encodeEntry } from './entry-json.ts';

/** Bytes of the lists of an operator over all of its subtasks; each has an equal part. They travel in one message. */
const OPERATOR_STATE_BYTES_MAX = 16 * 1024 * 1024;
/** Bytes of broadcast state, which one subtask writes for all, whatever their number. In the same message. */
const BROADCAST_STATE_BYTES_MAX = 8 * 1024 * 1024;

/** Which subtask of which operator the lists are of. */
export interface ListOwner {
  readonly operatorName: string;
  readonly subtaskIndex: number;
  readonly parallelism: number;
}

/*
 * Snapshot (a part of the operator's inline state) =>
 *   subtaskIndex, parallelism   of the subtask that wrote it
 *   lists    by name, the entries in order
 *   unions   by name, the entries in order
 *   listVersions   by name, of lists and unions alike; unset: 1
 */
type InlineState = { readonly [field: string]: Json };
type Form = 'lists' | 'unions';
type ListOptions = OperatorListOptions<unknown>;

/** Version of the entries of a list that says none. */
const FIRST_VERSION = 1;

interface Entry {
  readonly value: unknown;
  readonly json: Json;
  readonly bytes: number;
}

/** Counts bytes of all state of one operator in one subtask against its limit. Threading: the slot's thread. */
export class StateBudget {
  readonly #owner: ListOwner;
  readonly #bytesMax: number;
  #bytes = 0;

  constructor(owner: ListOwner, bytesMax = Math.floor(OPERATOR_STATE_BYTES_MAX / owner.parallelism)) {
    this.#owner = owner;
    this.#bytesMax = bytesMax;
  }

  /** For broadcast state: `lists` where there is one subtask, and the two have its room together. */
  static ofBroadcast(owner: ListOwner, lists: StateBudget): StateBudget {
    return owner.parallelism === 1 ? lists : new StateBudget(owner, BROADCAST_STATE_BYTES_MAX);
  }

  /** @throws {MillraceError} MR_STATE_TOO_LARGE */
  add(bytes: number, what: string): void {
    this.#bytes += bytes;
    // What is restored may have come from more subtasks than there are now, or unequally: only what is added is refused.
    if (bytes <= 0 || this.#bytes <= this.#bytesMax) return;
    this.#bytes -= bytes;
    throw new MillraceError(
      'MR_STATE_TOO_LARGE',
      `Cannot add to ${what} of operator "${this.#owner.operatorName}": its operator and broadcast state would take ${this.#bytes + bytes} bytes in subtask ${this.#owner.subtaskIndex}, and at most ${this.#bytesMax} fit. Keep less, or keep it by key: keyBy(…).process(…)`,
      {
        details: { operator: this.#owner.operatorName, bytes: this.#bytes + bytes, bytesMax: this.#bytesMax },
      },
    );
  }

  /** Counts what was restored, whatever it is. */
  take(bytes: number): void {
    this.#bytes += bytes;
  }
}

/** One list, as the user's functions see it. What it hands out is frozen. */
export class OperatorList {
  /** Of the entries' form. */
  #version: number;
  readonly #name: string;
  readonly #budget: StateBudget;
  #entries: Entry[];

  constructor(
    name: string,
    restored: { readonly entries: readonly Json[]; readonly version: number },
    budget: StateBudget,
  ) {
    this.#name = name;
    this.#version = restored.version;
    this.#budget = budget;
    this.#entries = restored.entries.map((json) => entryOf(decodeEntry(json), json));
    for (const { bytes } of this.#entries) budget.take(bytes);
  }

  get version(): number {
    return this.#version;
  }

  /** What it has are entries of `version` from now on, which `migrate` makes of those that there are. */
  migrate(version: number, migrate: (old: unknown) => unknown): void {
    this.update(this.#entries.map(({ value }) => migrate(value)));
    this.#version = version;
  }

  get(): readonly unknown[] {
    return this.#entries.map(({ value }) => value);
  }

  add(value: unknown): void {
    const entry = this.#made(value);
    this.#budget.add(entry.bytes, this.#what);
    this.#entries.push(entry);
  }

  addAll(values: Iterable<unknown>): void {
    for (const value of values) this.add(value);
  }

  update(values: Iterable<unknown>): void {
    const made = Array.from(values, (value) => this.#made(value));
    this.clear();
    for (const entry of made) {
      this.#budget.add(entry.bytes, this.#what);
      this.#entries.push(entry);
    }
  }

  clear(): void {
    for (const { bytes } of this.#entries) this.#budget.take(-bytes);
    this.#entries = [];
  }

  /** As they stand in a snapshot; what is added later is not in it. */
  json(): readonly Json[] {
    return this.#entries.map(({ json }) => json);
  }

  get #what(): string {
    return `the list "${this.#name}"`;
  }

  #made(value: unknown): Entry {
    const json = encodeEntry(value, this.#what);
    return entryOf(decodeEntry(json), json);
  }
}

function entryOf(value: unknown, json: Json): Entry {
  deepFreeze(value);
  return { value, json, bytes: jsonByteLength(json) };
}

/** All lists of one operator in one subtask. Lists that nobody asked for are kept and written again. */
export class OperatorLists {
  readonly #owner: ListOwner;
  readonly #restored: readonly InlineState[];
  readonly #budget: StateBudget;
  readonly #lists: { readonly [F in Form]: Map<string, OperatorList> } = {
    lists: new Map(),
    unions: new Map(),
  };

  readonly #askedFor = new Set<OperatorList>();
  /** Those that were asked for with a version. */
  readonly #versioned = new Set<OperatorList>();

  constructor(owner: ListOwner, restored: readonly InlineState[], budget: StateBudget) {
    this.#owner = owner;
    this.#restored = restored
      .filter((state) => state['lists'] !== undefined)
      .toSorted((a, b) => Number(a['subtaskIndex']) - Number(b['subtaskIndex']));
    this.#budget = budget;
    for (const form of ['lists', 'unions'] as const)
      for (const name of namesOf(this.#restored, form)) this.#open(form, name);
  }

  /** The entries of all old subtasks are dealt out in turn; with the parallelism as before each has its own again. */
  readonly list = (name: string, options?: ListOptions): OperatorList => this.#asked('lists', name, options);

  /** Every subtask gets the entries of all old ones. */
  readonly unionList = (name: string, options?: ListOptions): OperatorList =>
    this.#asked('unions', name, options);

  /** undefined: the operator has no lists. */
  snapshot(): { readonly [field: string]: Json } | undefined {
    const { lists, unions } = this.#lists;
    if (lists.size + unions.size === 0) return undefined;
    const versions = [...lists, ...unions].flatMap(([name, { version }]) =>
      version === FIRST_VERSION ? [] : [[name, version] as const],
    );
    return {
      lists: jsonOf(lists, (_name, list) => list.json()),
      unions: jsonOf(unions, (name, list) => this.#unionJson(name, list)),
      ...(versions.length === 0 ? {} : { listVersions: Object.fromEntries(versions) }),
    };
  }

  /**
   * All subtasks have the same entries of a union list. Where nobody asked for it each writes those of the old subtasks that it takes
   * over, or there would be more with each restore.
   */
  #unionJson(name: string, list: OperatorList): readonly Json[] {
    if (this.#askedFor.has(list)) return list.json();
    const { subtaskIndex, parallelism } = this.#owner;
    return this.#restored
      .filter((state) => Number(state['subtaskIndex']) % parallelism === subtaskIndex)
      .flatMap((state) => entriesOf(state, 'unions', name));
  }

  /** The list, its entries those of the version that is asked for. */
  #asked(form: Form, name: string, options: ListOptions = {}): OperatorList {
    const isNew = !this.#lists[form].has(name);
    const list = this.#open(form, name);
    this.#askedFor.add(list);
    // Whoever asks once more need not say it again.
    if (options.version === undefined && this.#versioned.has(list)) return list;
    if (options.version !== undefined) this.#versioned.add(list);
    const { version = FIRST_VERSION, from = {} } = options;
    checkVersion(name, version);
    if (list.version === version) return list;
    const migrate = from[list.version] as ((old: unknown) => unknown) | undefined;
    if (isNew) {
      list.migrate(version, (entry) => entry);
      return list;
    }
    if (migrate === undefined) throw this.#noWay(name, list.version, version);
    list.migrate(version, migratingList(migrate, { ...this.#owner, name, old: list.version, version }));
    return list;
  }

  #noWay(name: string, restoredVersion: number, version: number): MillraceError {
    return new MillraceError(
      'MR_STATE_INCOMPATIBLE',
      `Cannot use the list "${name}" of operator "${this.#owner.operatorName}": it has version ${restoredVersion}, and is asked for with version ${version} and no \`from\` for ${restoredVersion}. Write list("${name}", { version: ${version}, from: { ${restoredVersion}: (old) => … } })`,
      { details: { operator: this.#owner.operatorName, name, version, restoredVersion } },
    );
  }

  #open(form: Form, name: string): OperatorList {
    checkName(name);
    const open = this.#lists[form].get(name);
    if (open !== undefined) return open;
    const other = form === 'lists' ? 'unions' : 'lists';
    if (this.#lists[other].has(name))
      throw new MillraceError(
        'MR_STATE_INCOMPATIBLE',
        `Cannot use the list "${name}" of operator "${this.#owner.operatorName}" as ${form === 'lists' ? 'a list' : 'a union list'}: it is ${form === 'lists' ? 'a union list' : 'a list'}. Give it another name`,
        { details: { operator: this.#owner.operatorName, name } },
      );
    const restored = { entries: this.#inherited(form, name), version: this.#restoredVersion(name) };
    const list = new OperatorList(name, restored, this.#budget);
    this.#lists[form].set(name, list);
    return list;
  }

  /** All subtasks of a checkpoint ran one program; one that never asked for the list says nothing. */
  #restoredVersion(name: string): number {
    const versions = this.#restored.map((state) =>
      Number(((state['listVersions'] ?? {}) as InlineState)[name] ?? FIRST_VERSION),
    );
    return Math.max(FIRST_VERSION, ...versions);
  }

  #inherited(form: Form, name: string): readonly Json[] {
    const { subtaskIndex, parallelism } = this.#owner;
    const parts = this.#restored.map((state) => entriesOf(state, form, name));
    if (form === 'unions') return parts.flat();
    const isSame = this.#restored.every((state) => state['parallelism'] === parallelism);
    if (isSame) {
      const own = this.#restored.findIndex((state) => state['subtaskIndex'] === subtaskIndex);
      return parts[own] ?? [];
    }
    return parts.flat().filter((_, index) => index % parallelism === subtaskIndex);
  }
}

/** Calls a migration; what it gives must be there, and now. */
function migratingList(
  migrate: (old: unknown) => unknown,
  of: {
    readonly operatorName: string;
    readonly name: string;
    readonly old: number;
    readonly version: number;
  },
): (old: unknown) => unknown {
  const what = `The migration of the list "${of.name}" of operator "${of.operatorName}" from version ${of.old} to ${of.version}`;
  return checkedMigration(migrate, what, {
    operator: of.operatorName,
    name: of.name,
    version: of.version,
    restoredVersion: of.old,
  });
}

function checkName(name: unknown): void {
  if (typeof name === 'string' && name !== '') return;
  throw new MillraceError(
    'MR_OPTION_INVALID',
    `Cannot use ${JSON.stringify(name) ?? String(name)} as the name of a list: write text that is not empty`,
  );
}

function checkVersion(name: string, version: unknown): void {
  if (Number.isSafeInteger(version) && (version as number) >= FIRST_VERSION) return;
  throw new MillraceError(
    'MR_OPTION_INVALID',
    `Cannot use ${String(version)} as the version of the list "${name}": write a whole number from 1 on`,
  );
}

function namesOf(states: readonly InlineState[], form: Form): ReadonlySet<string> {
  return new Set(states.flatMap((state) => Object.keys((state[form] ?? {}) as InlineState)));
}

function entriesOf(state: InlineState, form: Form, name: string): readonly Json[] {
  const entries = ((state[form] ?? {}) as InlineState)[name];
  return Array.isArray(entries) ? entries : [];
}

function jsonOf(
  lists: ReadonlyMap<string, OperatorList>,
  entriesIn: (name: string, list: OperatorList) => readonly Json[],
): Json {
  return Object.fromEntries([...lists].map(([name, list]) => [name, entriesIn(name, list)]));
}
