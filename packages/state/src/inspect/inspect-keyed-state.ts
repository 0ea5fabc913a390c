// What lies in the keyed state of one operator, read from the files of a checkpoint without an operator: states, counts,
// sizes, samples. Key group by key group, so that memory is bounded by the largest.
import { readKeyedRunV1, type KeyedStateFile } from '@millrace/proto';
import { bucketCells } from '../cell/bucket-cells.ts';
import type { ValueBucket } from '../cell/value-bucket.ts';
import { listChunkCells } from '../cell/cell-codec.ts';
import { CHUNK_ENTRIES_MAX, type Chunk } from '../cell/chunk.ts';
import { exposeValue } from '../cell/own-value.ts';
import { readValue } from '../cell/value-bytes.ts';
import { firstFileByKeyGroup } from '../snapshot/file-chain.ts';
import { KeyGroupEntries, type InspectedEntry } from './key-group-entries.ts';

/** How a state is kept. `rows`: what a built-in operator keeps, with accumulators as columns. */
export type InspectedKind = 'value' | 'list' | 'map' | 'timers' | 'rows';

/** One entry, decoded. */
export interface StateSample {
  readonly key: unknown;
  /** Of a map: the map's key. */
  readonly mapKey?: unknown;
  /** Of a timer: when it is due, ms. Of a row: the slice of time that it is of, if any. */
  readonly timeMs?: number;
  /** The value; of a list its first items; of a row its columns. */
  readonly value?: unknown;
}

/** One state of an operator. */
export interface StateSummary {
  readonly name: string;
  readonly kind: InspectedKind;
  /** Different keys that have some of it. */
  keyCount: number;
  /** Values, items of lists, entries of maps, timers, rows. */
  entryCount: number;
  /** Of keys and values as they are encoded. */
  bytes: number;
  /** The first and the last time of timers and of rows that have one, ms. */
  firstMs: number | undefined;
  lastMs: number | undefined;
  readonly samples: StateSample[];
}

/** Whose files are read, how, and how much of them is decoded. */
export interface InspectOptions {
  /** Of all subtasks, those of each oldest first. */
  readonly files: readonly KeyedStateFile[];
  readonly read: (file: KeyedStateFile, offset: number, length: number) => Promise<Uint8Array>;
  /** Entries of each state that are decoded. */
  readonly samplesMax: number;
}

const LIST_ITEMS_SHOWN = 10;

/**
 * Resolves to the states by name.
 * @throws {MillraceError} MR_CHECKPOINT_CORRUPT for a block that is damaged
 */
export async function inspectKeyedState(options: InspectOptions): Promise<readonly StateSummary[]> {
  const { files } = options;
  const first = firstFileByKeyGroup(files);
  const keyGroups = [...new Set(files.flatMap(({ runs }) => runs.map(({ keyGroup }) => keyGroup)))];
  const states = new Map<string, StateSummary>();
  for (const keyGroup of keyGroups.sort((a, b) => a - b)) {
    const entries = new KeyGroupEntries();
    for (const [index, file] of files.entries()) {
      if (index < (first.get(keyGroup) ?? 0)) continue;
      const run = file.runs.find((candidate) => candidate.keyGroup === keyGroup);
      if (run === undefined || run.bytes === 0) continue;
      const bytes = await options.read(file, run.offset, run.bytes);
      readKeyedRunV1({ bytes, from: 0, to: bytes.length }, (block) => entries.apply(block));
    }
    addKeyGroup(states, entries, options.samplesMax);
  }
  return [...states.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Tables of one state, and what each tells of it. */
const TABLES: { readonly [prefix: string]: { readonly kind: InspectedKind; readonly counts: boolean } } = {
  '~value': { kind: 'value', counts: true },
  '~list-head': { kind: 'list', counts: true },
  '~list-chunk': { kind: 'list', counts: false },
  '~map-head': { kind: 'map', counts: false },
  '~map-entry': { kind: 'map', counts: true },
  '~map-directory': { kind: 'map', counts: false },
  '~distinct-head': { kind: 'map', counts: true },
  '~distinct-bucket': { kind: 'map', counts: false },
  '~ttl-value': { kind: 'value', counts: true },
  '~ttl-list-head': { kind: 'list', counts: true },
  '~ttl-list-chunk': { kind: 'list', counts: false },
  '~ttl-map-head': { kind: 'map', counts: false },
  '~ttl-map-entry': { kind: 'map', counts: true },
  '~ttl-map-directory': { kind: 'map', counts: false },
  '~timer': { kind: 'timers', counts: true },
};

function addKeyGroup(
  states: Map<string, StateSummary>,
  { tables }: KeyGroupEntries,
  samplesMax: number,
): void {
  for (const [table, entries] of tables) {
    if (entries.size === 0) continue;
    const slash = table.indexOf('/');
    // When to look at what; not a state of its own.
    if (table.startsWith('~ttl-span/')) continue;
    const prefix = table.startsWith('~') ? table.slice(0, slash) : '';
    const { kind, counts } = TABLES[prefix] ?? { kind: 'rows' as const, counts: true };
    const state = stateOf(states, prefix === '' ? table : table.slice(slash + 1), kind);
    const keys = new Set<string>();
    for (const entry of entries.values()) {
      state.bytes += entry.bytes;
      if (counts) {
        keys.add(entry.keyText);
        state.entryCount += itemsIn(prefix, entry);
        if (kind === 'timers' || kind === 'rows') addTime(state, entry.subkey);
      }
      const sample = state.samples.length < samplesMax ? sampleOf(prefix, entry) : undefined;
      if (sample !== undefined) state.samples.push(sample);
    }
    state.keyCount += keys.size;
  }
}

/** Heads count: a list's its items, up to the last, less those before the first. */
function itemsIn(prefix: string, { cells }: InspectedEntry): number {
  if (prefix === '~list-head' || prefix === '~distinct-head') return Number(cells[1]);
  return prefix === '~ttl-list-head' ? Number(cells[0]) - Number(cells[1]) : 1;
}

function stateOf(states: Map<string, StateSummary>, name: string, kind: InspectedKind): StateSummary {
  const id = `${kind} ${name}`;
  const known = states.get(id);
  if (known !== undefined) return known;
  const state: StateSummary = {
    name,
    kind,
    keyCount: 0,
    entryCount: 0,
    bytes: 0,
    firstMs: undefined,
    lastMs: undefined,
    samples: [],
  };
  states.set(id, state);
  return state;
}

function addTime(state: StateSummary, timeMs: unknown): void {
  if (typeof timeMs !== 'number') return;
  state.firstMs = Math.min(state.firstMs ?? Infinity, timeMs);
  state.lastMs = Math.max(state.lastMs ?? -Infinity, timeMs);
}

/** undefined for entries that only help to find others. */
function sampleOf(prefix: string, { key, subkey, cells }: InspectedEntry): StateSample | undefined {
  switch (prefix) {
    case '~value':
    case '~ttl-value':
      return { key, value: valueOf(cells[0]) };
    case '~list-head':
      // Of a longer list the first chunk is a row of its own.
      return Number(cells[1]) <= CHUNK_ENTRIES_MAX ? { key, value: itemsOf(cells[0]) } : undefined;
    case '~list-chunk':
      return subkey === 0 ? { key, value: itemsOf(cells[0]) } : undefined;
    case '~ttl-list-chunk':
      // Times stand between the items.
      return { key, value: itemsOf(cells[0]).filter((_, index) => index % 2 === 1) };
    case '~distinct-head':
      return { key, ...firstOf(cells[0]) };
    case '~map-entry':
    case '~ttl-map-entry':
      return { key, mapKey: subkey, value: valueOf(cells[0]) };
    case '~timer':
      return { key, timeMs: subkey as number };
    case '':
      return {
        key,
        ...(typeof subkey === 'number' ? { timeMs: subkey } : {}),
        value: cells.map((cell) => valueOf(cell)),
      };
    default:
      return undefined;
  }
}

function valueOf(cell: number | Uint8Array | undefined): unknown {
  return cell instanceof Uint8Array ? readValue(cell) : cell;
}

/** The first value of a bucket, and its bits. */
function firstOf(cell: number | Uint8Array | undefined): Pick<StateSample, 'mapKey' | 'value'> {
  if (!(cell instanceof Uint8Array)) return {};
  const bucket = bucketCells.read(cell) as ValueBucket;
  return bucket.count === 0 ? {} : { mapKey: bucket.valueAt(0), value: bucket.bitsAt(0) };
}

function itemsOf(cell: number | Uint8Array | undefined): readonly unknown[] {
  if (!(cell instanceof Uint8Array)) return [];
  const { items } = listChunkCells.read(cell) as Chunk;
  return items.slice(0, LIST_ITEMS_SHOWN).map((item) => exposeValue(item));
}
