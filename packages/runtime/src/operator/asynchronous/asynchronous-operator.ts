// The asynchronous operator: takes records in, lets their results out, and keeps what is in flight in snapshots.
import { hashKey, keyGroupOfHash } from '@millrace/common';
import type { AsyncSpec } from '@millrace/api';
import type { KeyedStateBackend, RowTable } from '@millrace/state';
import { deepFreeze } from '../../chain/deep-freeze.ts';
import type { ChainOperator, FrozenOperator, StageBody } from '../chain-stage.ts';
import { backendMethods, emitKey } from '../keyed/keyed-code.ts';
import { SubtaskState } from '../operator-state/subtask-state.ts';
import type { OperatorSetup } from '../operator-setup.ts';
import { LifecycleContext } from '../process/process-context.ts';
import { callLifecycle } from '../process/process-operator.ts';
import { AsyncCalls, type AsyncCall } from './calls.ts';
import { InFlightEntry, EntryState } from './in-flight-entry.ts';
import { InFlightQueue } from './in-flight-queue.ts';

/** Opens an asynchronous operator; what was in flight at the checkpoint is called for again when the task runs. */
export async function openAsyncOperator(
  setup: OperatorSetup,
  spec: AsyncSpec,
  isKeyed: boolean,
): Promise<ChainOperator> {
  const backend = await setup.openBackend();
  const subtaskState = new SubtaskState(setup, {});
  const lifecycle = new LifecycleContext(setup, spec, subtaskState.lists);
  const operator = new AsyncOperator(setup, spec, { backend, isKeyed, lifecycle, subtaskState });
  await callLifecycle(setup, spec.open, { lifecycle, what: 'open()' });
  return operator;
}

const RECORD = 0;
const TIMESTAMP = 1;

class AsyncOperator implements ChainOperator {
  readonly node;
  readonly stage;
  readonly needsRelief;
  readonly relieve;
  readonly checkpointCompleted;
  readonly checkpointAborted;
  readonly #setup: OperatorSetup;
  readonly #spec: AsyncSpec;
  readonly #backend: KeyedStateBackend;
  readonly #freezeKeyed;
  readonly #lifecycle: LifecycleContext;
  readonly #subtaskState: SubtaskState;
  /** Rows `(number in the order of arrival, key)`, filled when a snapshot is taken. */
  readonly #table: RowTable;
  readonly #queue: InFlightQueue<AsyncCall>;
  readonly #calls: AsyncCalls;
  readonly #isKeyed: boolean;
  readonly #keySite: number;
  readonly #callSite: number;
  /** Stands for the key of records that have none; its key group is this subtask's. */
  readonly #ownKey: number;
  readonly #ownHash: number;

  constructor(
    setup: OperatorSetup,
    spec: AsyncSpec,
    parts: {
      readonly backend: KeyedStateBackend;
      readonly isKeyed: boolean;
      readonly lifecycle: LifecycleContext;
      readonly subtaskState: SubtaskState;
    },
  ) {
    const { environment, node, sites } = setup;
    this.node = node;
    this.#setup = setup;
    this.#spec = spec;
    this.#backend = parts.backend;
    this.#isKeyed = parts.isKeyed;
    this.#lifecycle = parts.lifecycle;
    this.#subtaskState = parts.subtaskState;
    this.#table = parts.backend.table({ name: 'in-flight', columns: ['value', 'f64'], hasNamespaces: true });
    this.#keySite = sites.register(node, 'key function');
    this.#callSite = sites.register(node, 'asynchronous function');
    [this.#ownKey, this.#ownHash] = keyOfSubtask(setup);
    this.#queue = new InFlightQueue(spec.order, environment.restoredWatermarkMs, spec.capacity);
    this.#calls = new AsyncCalls({
      spec,
      lifecycle: parts.lifecycle,
      queue: this.#queue,
      port: environment.asynchronous,
      clock: environment.clock,
      operatorName: node.name,
    });
    this.stage = { kind: 'asyncWait', emit: (body: StageBody) => this.#emit(body) };
    const { freeze, needsRelief, relieve, checkpointCompleted, checkpointAborted } = backendMethods(
      parts.backend,
    );
    this.#freezeKeyed = freeze;
    this.needsRelief = needsRelief;
    this.relieve = relieve;
    this.checkpointCompleted = checkpointCompleted;
    this.checkpointAborted = checkpointAborted;
    this.#restore();
  }

  /** For the task, which asks between batches. */
  get inFlight(): AsyncOperator {
    return this;
  }

  get isFull(): boolean {
    return this.#calls.isFull;
  }

  get hasResults(): boolean {
    return this.#queue.hasReady || this.#calls.mayStart;
  }

  get isEmpty(): boolean {
    return this.#queue.count === 0;
  }

  get releasedWatermarkMs(): number {
    return this.#queue.releasedMs;
  }

  stateEntries(): number {
    return this.#queue.count;
  }

  #emit(body: StageBody): string {
    const record = body.record.whole();
    const accept = body.unit.bind(
      (value: unknown, timestampMs: number, key: unknown, hash: number) =>
        this.#accept(new InFlightEntry<AsyncCall>(value, timestampMs, key, hash)),
      'accept',
    );
    if (!this.#isKeyed)
      return `${accept}(${record}, ${body.timestampMs}, ${this.#ownKey}, ${this.#ownHash});`;
    const { key, hash, make } = emitKey(body, this.#setup, this.#keySite);
    return body.attempt({
      names: [key, hash],
      make,
      goOn: () => `${accept}(${record}, ${body.timestampMs}, ${key}, ${hash});`,
    });
  }

  #accept(entry: InFlightEntry<AsyncCall>): void {
    this.#queue.add(entry);
    this.#calls.add(entry);
  }

  endBatch(): void {
    this.#calls.endBatch();
  }

  advanceWatermark(watermarkMs: number): boolean {
    // The last one leaves with the end of input.
    if (watermarkMs < Infinity) this.#queue.addWatermark(watermarkMs);
    return true;
  }

  /** Emits what may leave before the next watermark. */
  emitResults(): boolean {
    const { emission } = this.#setup;
    for (let entry = this.#queue.poll(); entry !== undefined; entry = this.#queue.poll()) {
      this.#calls.onLeft();
      this.#calls.startWaiting();
      this.#leave(entry);
      if (emission.mustStop()) return false;
    }
    this.#calls.startWaiting();
    return true;
  }

  #leave(entry: InFlightEntry<AsyncCall>): void {
    const { failures, output, emission, environment } = this.#setup;
    const { record, timestampMs, result } = entry;
    if (entry.state === EntryState.Failed) {
      failures.take(result, this.#callSite, record, timestampMs, -1);
      return;
    }
    if (this.#spec.results === 'one') {
      if (environment.freezeRecords === true) deepFreeze(result);
      output.emit(result, timestampMs);
      return;
    }
    if (!isIterable(result)) {
      const error = new TypeError(`an iterable of records is expected, and the answer is ${typeof result}`);
      failures.take(error, this.#callSite, record, timestampMs, -1);
      return;
    }
    emission.emitAll(result, {
      timestampMs,
      emit: output.emit,
      onError: (error) => failures.take(error, this.#callSite, record, timestampMs, -1),
    });
  }

  /** True when the last result has left. */
  endInput(): boolean {
    if (!this.emitResults() || !this.isEmpty) return false;
    this.#queue.releasedMs = Infinity;
    return true;
  }

  freeze(checkpointId: number, isFinal?: boolean): FrozenOperator {
    this.#clearTable();
    let number = 0;
    for (let entry = this.#queue.first; entry !== undefined; entry = entry.next) {
      const row = this.#table.upsert(entry.key, entry.keyHash, number++);
      (this.#table.columns[RECORD] as unknown[])[row] = entry.record;
      (this.#table.columns[TIMESTAMP] as Float64Array)[row] = entry.timestampMs;
      this.#table.markDirty(row);
    }
    const keyed = this.#freezeKeyed(checkpointId, isFinal);
    const inline = this.#subtaskState.snapshot();
    return {
      write: async (blobStore, prefix) => ({
        ...(await keyed.write(blobStore, prefix)),
        ...(inline === undefined ? {} : { inline }),
      }),
    };
  }

  #clearTable(): void {
    const numbers = this.#table.namespaces();
    while (numbers.length > 0) this.#table.removeNamespace(numbers[numbers.length - 1] as number);
  }

  /** Records of several old subtasks come in the order that each had them in. */
  #restore(): void {
    for (const number of this.#table.namespaces()) {
      const cursor = this.#table.openCursor(number);
      for (let row = cursor.next(); row >= 0; row = cursor.next()) {
        const record = (this.#table.columns[RECORD] as unknown[])[row];
        const timestampMs = (this.#table.columns[TIMESTAMP] as Float64Array)[row] as number;
        const [key, hash] = this.#isKeyed
          ? [this.#table.keyOf(row), this.#table.keyHashOf(row)]
          : [this.#ownKey, this.#ownHash];
        const entry = new InFlightEntry<AsyncCall>(record, timestampMs, key, hash);
        this.#queue.add(entry);
        this.#calls.hold(entry);
      }
    }
  }

  async close(): Promise<void> {
    this.#calls.close();
    try {
      await callLifecycle(this.#setup, this.#spec.close, { lifecycle: this.#lifecycle, what: 'close()' });
    } finally {
      await this.#backend.close();
    }
  }
}

/** A key in the subtask's first key group: what is in flight without a key stays together, in its order, when it is restored. */
function keyOfSubtask({ environment }: OperatorSetup): readonly [key: number, hash: number] {
  const { keyGroupCount } = environment.graph.options;
  for (let key = 0; ; key++) {
    const hash = hashKey(key);
    if (keyGroupOfHash(hash, keyGroupCount) === environment.keyGroupRange.firstKeyGroup) return [key, hash];
  }
}

function isIterable(value: unknown): value is Iterable<unknown> {
  return (
    value !== null &&
    value !== undefined &&
    typeof (value as { readonly [Symbol.iterator]?: unknown })[Symbol.iterator] === 'function'
  );
}
