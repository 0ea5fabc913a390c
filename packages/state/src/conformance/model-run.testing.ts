// Runs a list of operations against backends and the model side by side; used with each store and cache length.
import { strict as assert } from 'node:assert';
import { hashKey, keyGroupRange, silentLogger, type KeyValueStore } from '@millrace/common';
import type { KeyedStateFile } from '@millrace/proto';
import { openKeyedStateBackend } from '../backend/open-keyed-state-backend.ts';
import { MemoryBlobStore } from './memory-blob-store.testing.ts';
import {
  canonical,
  compare,
  distinctValueOf,
  drainTimers,
  KEY_GROUP_COUNT,
  KEYS,
  MAP_KEYS,
  NAMESPACES,
  PACKED_KEYS,
  TEXT_KEYS,
  StateModel,
  subjectOf,
  takeDistinct,
  type Subject,
} from './state-model.testing.ts';

export type StateOperation =
  | {
      readonly kind: 'row' | 'removeRow' | 'dropRows' | 'listClear' | 'valueClear' | 'mapClear';
      readonly key: number;
      readonly n: number;
    }
  | {
      readonly kind: 'slice' | 'removeSlice' | 'dropSlice';
      readonly key: number;
      readonly namespace: number;
      readonly n: number;
    }
  | { readonly kind: 'value' | 'listAdd' | 'listUpdate'; readonly key: number; readonly n: number }
  | {
      readonly kind: 'mapPut' | 'mapRemove';
      readonly key: number;
      readonly mapKey: number;
      readonly n: number;
    }
  | { readonly kind: 'distinct'; readonly key: number; readonly from: number; readonly n: number }
  | {
      readonly kind: 'packed' | 'removePacked';
      readonly packedKey: number;
      readonly key: number;
      readonly n: number;
    }
  | { readonly kind: 'timer' | 'unregister'; readonly key: number; readonly n: number }
  | { readonly kind: 'relieve' | 'compare' | 'checkpoint' | 'abort' | 'overlap' }
  | { readonly kind: 'restore'; readonly parallelism: number };

export const OPERATION_KINDS = [
  'row',
  'row',
  'row',
  'removeRow',
  'dropRows',
  'listClear',
  'valueClear',
  'mapClear',
  'slice',
  'slice',
  'slice',
  'removeSlice',
  'dropSlice',
  'value',
  'value',
  'listAdd',
  'listAdd',
  'listUpdate',
  'mapPut',
  'mapPut',
  'mapPut',
  'mapRemove',
  'distinct',
  'distinct',
  'packed',
  'packed',
  'packed',
  'removePacked',
  'timer',
  'timer',
  'unregister',
  'relieve',
  'relieve',
  'relieve',
  'compare',
  'checkpoint',
  'checkpoint',
  'abort',
  'overlap',
  'restore',
] as const;

/** Turns four numbers into an operation. */
export function operationOf(
  kind: (typeof OPERATION_KINDS)[number],
  a: number,
  b: number,
  n: number,
): StateOperation {
  const key = a % KEYS.length;
  return {
    kind,
    key,
    n,
    // Some values come again and again.
    from: b % 3 === 0 ? 0 : b,
    packedKey: b % PACKED_KEYS.length,
    mapKey: b % MAP_KEYS.length,
    namespace: b % NAMESPACES.length,
    parallelism: 1 + (b % 3),
  } as StateOperation;
}

/** So that of packed rows about as many are kept as of others. */
const PACKED_ROW_BYTES = 150;

export class ModelRun {
  readonly #openStore: () => Promise<KeyValueStore>;
  readonly #cacheEntriesMax: number;
  readonly #spillLogBytesMax: number;
  readonly #leftRowBytesMin: number;
  readonly #areNumbersWeighed: boolean;
  readonly #hasTextKeys: boolean;
  readonly #blobs = new MemoryBlobStore();
  #subjects: Subject[] = [];
  #model = new StateModel();
  #checkpointId = 0;
  #saved: { readonly model: StateModel; readonly files: readonly KeyedStateFile[] } = {
    model: new StateModel(),
    files: [],
  };

  constructor(options: {
    readonly openStore: () => Promise<KeyValueStore>;
    readonly cacheEntriesMax: number;
    readonly spillLogBytesMax: number;
    /** 0: what is restored is read when it is asked for. */
    readonly leftRowBytesMin: number;
    readonly areNumbersWeighed?: boolean;
    /** Of the table of packed rows, which has its keys to itself then. */
    readonly hasTextKeys?: boolean;
  }) {
    this.#hasTextKeys = options.hasTextKeys === true;
    this.#areNumbersWeighed = options.areNumbersWeighed === true;
    this.#leftRowBytesMin = options.leftRowBytesMin;
    this.#openStore = options.openStore;
    this.#spillLogBytesMax = options.spillLogBytesMax;
    this.#cacheEntriesMax = options.cacheEntriesMax;
  }

  /** Resolves to the number of operations when all went as the model says. */
  async run(operations: readonly StateOperation[]): Promise<number> {
    this.#subjects = await this.#open(1);
    for (const operation of operations) await this.#apply(operation);
    compare(this.#subjects, this.#model);
    await this.#checkpoint();
    await this.#restore(2);
    drainTimers(this.#subjects, this.#model);
    await this.#close(this.#subjects);
    return operations.length;
  }

  async #apply(operation: StateOperation): Promise<void> {
    switch (operation.kind) {
      case 'relieve':
        for (const { backend } of this.#subjects) await relieve(backend);
        return;
      case 'compare':
        compare(this.#subjects, this.#model);
        return;
      case 'checkpoint':
        await this.#checkpoint();
        return;
      case 'abort':
        await this.#abortedCheckpoint();
        return;
      case 'overlap':
        await this.#overlappingCheckpoints();
        return;
      case 'restore':
        await this.#restore(operation.parallelism);
        return;
      default:
        this.#change(operation);
    }
  }

  #change(operation: Extract<StateOperation, { readonly key: number }>): void {
    const key = KEYS[operation.key];
    const hash = hashKey(key);
    const model = this.#model.of(key);
    const { backend, rows, slices } = subjectOf(this.#subjects, key);
    backend.setCurrentKey(key, hash);
    const n = operation.n;
    switch (operation.kind) {
      case 'row': {
        const row = rows.upsert(key, hash, 0);
        assert.equal(rows.wasAbsent, model.row === undefined);
        const [numbers, values] = rows.columns as readonly [Float64Array, unknown[]];
        numbers[row] = (numbers[row] as number) + n;
        values[row] = n % 3 === 0 ? undefined : { n, text: `value ${n}` };
        rows.markDirty(row);
        model.row = [(model.row?.[0] ?? 0) + n, values[row]];
        return;
      }
      case 'removeRow':
        rows.remove(key, hash, 0);
        model.row = undefined;
        return;
      case 'dropRows':
        for (const subject of this.#subjects) subject.rows.removeNamespace(0);
        for (const each of this.#model.keys.values()) each.row = undefined;
        return;
      case 'slice': {
        const namespace = NAMESPACES[operation.namespace] as number;
        const row = slices.upsert(key, hash, namespace);
        const numbers = slices.columns[0] as Float64Array;
        numbers[row] = (numbers[row] as number) + n;
        slices.markDirty(row);
        model.slices.set(namespace, (model.slices.get(namespace) ?? 0) + n);
        return;
      }
      case 'removeSlice':
        slices.remove(key, hash, NAMESPACES[operation.namespace] as number);
        model.slices.delete(NAMESPACES[operation.namespace] as number);
        return;
      case 'dropSlice': {
        const namespace = NAMESPACES[operation.namespace] as number;
        for (const subject of this.#subjects) subject.slices.removeNamespace(namespace);
        for (const each of this.#model.keys.values()) each.slices.delete(namespace);
        return;
      }
      case 'value': {
        const value =
          n % 2 === 0 ? n : n % 3 === 0 ? new Map([['n', n]]) : { n, list: [n, 'some text that is long'] };
        backend.valueState('v').update(value);
        model.value = value;
        return;
      }
      case 'valueClear':
        backend.valueState('v').clear();
        model.value = undefined;
        return;
      case 'listAdd':
        for (let index = 0; index < n; index++) backend.listState('l').add(index);
        for (let index = 0; index < n; index++) model.list.push(index);
        return;
      case 'listUpdate':
        backend.listState('l').update([n, 'text', { n }]);
        model.list = [n, 'text', { n }];
        return;
      case 'listClear':
        backend.listState('l').clear();
        model.list = [];
        return;
      case 'mapPut': {
        const mapKey = n % 4 === 0 ? n : MAP_KEYS[operation.mapKey];
        backend.mapState('m').put(mapKey, { n });
        model.map.set(canonical(mapKey), [mapKey, { n }]);
        return;
      }
      case 'mapRemove': {
        const mapKey = n % 4 === 0 ? n : MAP_KEYS[operation.mapKey];
        backend.mapState('m').remove(mapKey);
        model.map.delete(canonical(mapKey));
        return;
      }
      case 'mapClear':
        backend.mapState('m').clear();
        model.map.clear();
        return;
      case 'distinct': {
        const bits = 1 + (n % 15);
        const values = backend.distinctValues('d');
        values.select(key, hash);
        for (let each = operation.from; each < operation.from + n; each++) {
          const value = distinctValueOf(each);
          const before = model.distinct.get(canonical(value)) ?? 0;
          assert.equal(values.add(value, bits), bits & ~before);
          model.distinct.set(canonical(value), before | bits);
        }
        return;
      }
      case 'packed':
      case 'removePacked':
        this.#changePacked(operation.packedKey, operation.kind === 'packed' ? n : undefined);
        return;
      case 'timer': {
        const domain = n % 3 === 0 ? 'processing' : 'event';
        backend.timers.register(domain, n);
        model.timers.set(`${domain}${n}`, [domain, n]);
        return;
      }
      case 'unregister': {
        const domain = n % 3 === 0 ? 'processing' : 'event';
        backend.timers.unregister(domain, n);
        model.timers.delete(`${domain}${n}`);
        return;
      }
    }
  }

  /** undefined: the row is removed. */
  #changePacked(index: number, n: number | undefined): void {
    const key = (this.#hasTextKeys ? TEXT_KEYS : PACKED_KEYS)[index];
    const hash = hashKey(key);
    const { packed } = subjectOf(this.#subjects, key);
    if (n === undefined) {
      packed.remove(key, hash, 0);
      this.#model.packed.delete(canonical(key));
      return;
    }
    const value =
      n % 5 === 0 ? undefined : n % 7 === 0 ? [n, { n }] : { n, text: `packed ${n}`.repeat(n % 9) };
    const row = packed.upsert(key, hash, 0);
    assert.equal(packed.wasAbsent, !this.#model.packed.has(canonical(key)));
    packed.packed(0).set(row, value);
    (packed.columns[1] as Float64Array)[row] = n;
    packed.markDirty(row);
    this.#model.packed.set(canonical(key), [value, n]);
  }

  /** The task goes on while the snapshot is written. */
  #meanwhile(): void {
    this.#change({ kind: 'row', key: this.#checkpointId % KEYS.length, n: 5 });
    this.#change({ kind: 'slice', key: (this.#checkpointId * 7) % KEYS.length, namespace: 1, n: 3 });
    this.#changePacked((this.#checkpointId * 3) % PACKED_KEYS.length, this.#checkpointId);
    this.#changePacked((this.#checkpointId * 7) % PACKED_KEYS.length, undefined);
    this.#change({ kind: 'listAdd', key: (this.#checkpointId * 3) % KEYS.length, n: 2 });
    this.#change({ kind: 'distinct', key: (this.#checkpointId * 5) % KEYS.length, from: 60, n: 30 });
    this.#change({ kind: 'mapPut', key: (this.#checkpointId * 5) % KEYS.length, mapKey: 1, n: 7 });
    this.#change({ kind: 'mapRemove', key: (this.#checkpointId * 11) % KEYS.length, mapKey: 0, n: 7 });
    for (const { backend } of this.#subjects) void backend.relieve();
  }

  #freeze() {
    const checkpointId = ++this.#checkpointId;
    const model = this.#model.copy();
    const frozen = this.#subjects.map(({ backend }) => backend.freeze(checkpointId));
    const write = async () => {
      const files: KeyedStateFile[] = [];
      for (const [index, each] of frozen.entries()) {
        const writing = each.write(this.#blobs, `chk-${checkpointId}/${index}-`);
        this.#meanwhile();
        files.push(...(await writing).files);
      }
      return { model, files };
    };
    return { checkpointId, write };
  }

  async #checkpoint(): Promise<void> {
    const { checkpointId, write } = this.#freeze();
    this.#saved = await write();
    for (const { backend } of this.#subjects) backend.checkpointCompleted(checkpointId);
    await this.#verifySaved();
  }

  async #abortedCheckpoint(): Promise<void> {
    const { checkpointId, write } = this.#freeze();
    if (checkpointId % 2 === 0) await write();
    for (const { backend } of this.#subjects) backend.checkpointAborted(checkpointId);
  }

  async #overlappingCheckpoints(): Promise<void> {
    const first = this.#freeze();
    this.#meanwhile();
    const second = this.#freeze();
    const saved = await first.write();
    const newer = await second.write();
    this.#saved = saved;
    for (const { backend } of this.#subjects) backend.checkpointCompleted(first.checkpointId);
    await this.#verifySaved();
    if (second.checkpointId % 3 === 0) return;
    this.#saved = newer;
    for (const { backend } of this.#subjects) backend.checkpointCompleted(second.checkpointId);
    await this.#verifySaved();
  }

  async #verifySaved(): Promise<void> {
    const copies = await this.#open(2, this.#saved.files);
    compare(copies, this.#saved.model);
    drainTimers(copies, this.#saved.model);
    takeDistinct(copies, this.#saved.model);
    await this.#close(copies);
  }

  async #restore(parallelism: number): Promise<void> {
    await this.#close(this.#subjects);
    this.#subjects = await this.#open(parallelism, this.#saved.files);
    this.#model = this.#saved.model.copy();
    compare(this.#subjects, this.#model);
  }

  async #open(parallelism: number, files: readonly KeyedStateFile[] = []): Promise<Subject[]> {
    const subjects: Subject[] = [];
    for (let subtaskIndex = 0; subtaskIndex < parallelism; subtaskIndex++) {
      const range = keyGroupRange({ keyGroupCount: KEY_GROUP_COUNT, parallelism, subtaskIndex });
      const backend = await openKeyedStateBackend({
        keyGroupCount: KEY_GROUP_COUNT,
        keyGroupRange: range,
        cacheEntriesMax: this.#cacheEntriesMax,
        cacheBytesMax: this.#cacheEntriesMax * PACKED_ROW_BYTES,
        areNumbersWeighed: this.#areNumbersWeighed,
        spillLogBytesMax: this.#spillLogBytesMax,
        leftRowBytesMin: this.#leftRowBytesMin,
        openStore: this.#openStore,
        codegenId: 'model',
        wholeSnapshotEntriesMax: 0,
        log: silentLogger,
        ...(files.length === 0 ? {} : { restore: { files, blobStore: this.#blobs } }),
      });
      const rows = backend.table({ name: 'rows', columns: ['f64', 'value'], hasNamespaces: false });
      const slices = backend.table({ name: 'slices', columns: ['f64'], hasNamespaces: true });
      const packed = backend.table({
        name: 'packed',
        columns: ['packed', 'f64'],
        hasNamespaces: false,
        hasOwnKeys: this.#hasTextKeys,
      });
      subjects.push({ backend, rows, slices, packed, ...range });
    }
    return subjects;
  }

  async #close(subjects: readonly Subject[]): Promise<void> {
    for (const { backend } of subjects) await backend.close();
  }
}

async function relieve(backend: Subject['backend']): Promise<void> {
  await backend.relieve();
  assert.equal(backend.isWriteBehindFull, false, 'relieve makes room');
}
