// Percolation in event time: documents and changes of queries in the order of their times, when the watermark of both has passed them.
import { hashKey, toFiniteWatermark } from '@millrace/common';
import type { KeyedStateBackend, RowTable } from '@millrace/state';
import { cutLoose } from '../aggregate/cut-loose.ts';
import { TimeHeap } from '../changelog/time-heap.ts';
import type { ChainOperator, FrozenOperator, StageBody } from '../chain-stage.ts';
import { backendMethods, emitKey } from '../keyed/keyed-code.ts';
import type { OperatorSetup } from '../operator-setup.ts';
import { SubtaskState } from '../operator-state/subtask-state.ts';
import { WaitingEvents } from '../pattern/waiting-events.ts';
import { noEventTime } from '../window/partial-aggregates.ts';
import { withoutId, type QueryChange, type StandingQueries } from './standing-queries.ts';

/** What the list of documents that wait is called; part of the checkpoint's format. */
const DOCUMENTS = 'documents';
const LATE = 'the watermark has passed it';

/** The queries, and the places in the program that fail. */
export interface PercolatorParts {
  readonly queries: StandingQueries;
  readonly matchSite: number;
  readonly querySite: number;
  readonly keySite: number;
}

type TimedDocument = readonly [timestampMs: number, document: unknown];

/** All documents of a subtask. `watermarkMs`: null for none yet. */
interface DocumentsOfSubtask {
  readonly watermarkMs: number | null;
  readonly documents: readonly TimedDocument[];
}

/*
 * Entry of the list of documents => [timestampMs, document]        with checkpoints exactly once: each document once
 *                                 | { watermarkMs, documents }     at least once: one of each subtask
 */
type DocumentEntry = TimedDocument | DocumentsOfSubtask;

interface TimedChange {
  readonly timestampMs: number;
  readonly change: QueryChange;
}

/**
 * Contract: a document meets the queries as they are after all changes up to its time, equal times included. A document that the watermark has
 * passed is late; a change that it has passed is taken at once. All subtasks have the same documents: each writes a share of them into
 * snapshots, and all get them back. With checkpoints at least once, subtasks stand at watermarks of their own at a barrier: one may have matched what
 * another one still waits for. There each writes all of its documents, and a restore takes those of the subtask that is least far, from whose watermark
 * on all go on: what the others had matched already they match again.
 * Bounds: documents that wait are in memory, 16 MiB of them in a snapshot (MR_STATE_TOO_LARGE); at least once, as much by the number of subtasks.
 * Source: the temporal join of Flink, whose records wait for both inputs' watermarks.
 */
export class TimedPercolator implements ChainOperator {
  readonly node;
  readonly stage;
  readonly needsRelief;
  readonly relieve;
  readonly checkpointCompleted;
  readonly checkpointAborted;
  readonly stateEntries;
  readonly stateBytes;
  readonly close;
  readonly #freezeKeyed;
  readonly #setup: OperatorSetup;
  readonly #parts: PercolatorParts;
  readonly #lateOutput: string | undefined;
  readonly #subtaskState: SubtaskState;
  readonly #documents = new WaitingEvents(undefined);
  /** Changes that wait, by the id of their query, in the order of their times. */
  readonly #changes: RowTable;
  readonly #due = new TimeHeap();
  #watermarkMs: number;

  constructor(
    setup: OperatorSetup,
    of: PercolatorParts & { readonly backend: KeyedStateBackend; readonly lateOutput: string | undefined },
  ) {
    this.node = setup.node;
    this.#setup = setup;
    this.#parts = of;
    this.#lateOutput = of.lateOutput;
    this.#watermarkMs = setup.environment.restoredWatermarkMs;
    this.#subtaskState = new SubtaskState(setup, {});
    this.#changes = of.backend.table({ name: 'changes', columns: ['value'], hasNamespaces: false });
    this.stage = { kind: 'percolate', emitsMany: true as const, emit: (body: StageBody) => this.#emit(body) };
    const { freeze, ...methods } = backendMethods(of.backend);
    this.#freezeKeyed = freeze;
    this.needsRelief = methods.needsRelief;
    this.relieve = methods.relieve;
    this.checkpointCompleted = methods.checkpointCompleted;
    this.checkpointAborted = methods.checkpointAborted;
    this.stateEntries = methods.stateEntries;
    this.stateBytes = methods.stateBytes;
    this.close = methods.close;
    this.#restore();
  }

  #restore(): void {
    const entries = this.#subtaskState.lists.unionList(DOCUMENTS).get() as readonly DocumentEntry[];
    for (const [timestampMs, document] of documentsOf(entries))
      this.#documents.add(document, timestampMs, { key: undefined, hash: 0 });
    const cursor = this.#changes.openCursor(0);
    for (let row = cursor.next(); row >= 0; row = cursor.next()) {
      const [first] = this.#cells[row] as readonly TimedChange[];
      this.#due.push(first?.timestampMs ?? Infinity, this.#changes.keyOf(row), this.#changes.keyHashOf(row));
    }
  }

  get #cells(): unknown[] {
    return this.#changes.columns[0] as unknown[];
  }

  #emit(body: StageBody): string {
    const { unit, record, timestampMs } = body;
    const at = unit.bind(this, 'percolator');
    const row = body.row === '-1' ? '' : `${unit.bind(this.#setup.origin, 'origin')}.row = ${body.row};`;
    if (body.inputEdge !== this.node.inputs[1])
      return `${row} ${body.at(this.#parts.matchSite)} ${at}.addDocument(${record.whole()}, ${timestampMs});`;
    const { key, hash, make } = emitKey(body, this.#setup, this.#parts.keySite);
    const added = `${at}.addChange(${record.whole()}, ${timestampMs}, { key: ${key}, hash: ${hash} });`;
    return body.attempt({
      names: [key, hash],
      make: (declare) => `${row} ${make(declare)}\n${body.at(this.#parts.querySite)} ${added}`,
      goOn: () => '',
    });
  }

  /** Called by generated code. */
  addDocument(document: unknown, timestampMs: number): void {
    this.#checkTime(timestampMs);
    if (timestampMs > this.#watermarkMs)
      this.#documents.add(document, timestampMs, { key: undefined, hash: 0 });
    else this.#late(document, timestampMs);
  }

  /** All subtasks have it: one of them says so. */
  #late(document: unknown, timestampMs: number): void {
    const { environment, tally, origin, emission, output } = this.#setup;
    if (environment.subtaskIndex !== 0) return;
    tally.countLate(1, document, origin.row, LATE);
    if (this.#lateOutput === undefined) return;
    emission.count++;
    output.sides.get(this.#lateOutput)?.(document, timestampMs);
  }

  /** Called by generated code. */
  addChange(
    change: QueryChange,
    timestampMs: number,
    of: { readonly key: unknown; readonly hash: number },
  ): void {
    this.#checkTime(timestampMs);
    const { key, hash } = of;
    if (timestampMs <= this.#watermarkMs) return this.#parts.queries.change(change, key, hash);
    if (typeof key !== 'string' && typeof key !== 'number') throw withoutId(key);
    const row = this.#changes.upsert(key, hash, 0);
    const known = this.#changes.wasAbsent ? [] : (this.#cells[row] as readonly TimedChange[]);
    let place = known.length;
    while (place > 0 && (known[place - 1] as TimedChange).timestampMs > timestampMs) place--;
    // A new array: a snapshot may have the old one.
    this.#cells[row] = known.toSpliced(place, 0, { timestampMs, change: cutLoose(change) as QueryChange });
    this.#changes.markDirty(row);
    if (place === 0) this.#due.push(timestampMs, key, hash);
  }

  advanceWatermark(watermarkMs: number): boolean {
    this.#watermarkMs = watermarkMs;
    for (;;) {
      const changeMs = this.#due.earliestMs;
      const documentMs = this.#documents.earliestMs;
      if (changeMs > watermarkMs && documentMs > watermarkMs) return true;
      if (changeMs === Infinity && documentMs === Infinity) return true;
      if (changeMs <= documentMs) {
        this.#due.poll(changeMs);
        this.#change(this.#due.key, this.#due.hash, changeMs);
      } else {
        this.#documents.poll(documentMs);
        this.#match(this.#documents.event, documentMs);
        if (this.#setup.emission.mustStop()) return false;
      }
    }
  }

  /** Takes the changes of one query up to a time. */
  #change(key: unknown, hash: number, timeMs: number): void {
    const row = this.#changes.find(key, hash, 0);
    if (row < 0) return;
    const waiting = this.#cells[row] as readonly TimedChange[];
    const left = waiting.filter(({ timestampMs }) => timestampMs > timeMs);
    // The query may be in the heap several times.
    if (left.length === waiting.length) return;
    if (left.length === 0) this.#changes.remove(key, hash, 0);
    else {
      this.#cells[row] = left;
      this.#changes.markDirty(row);
      this.#due.push((left[0] as TimedChange).timestampMs, key, hash);
    }
    for (const { change, timestampMs } of waiting.slice(0, waiting.length - left.length)) {
      try {
        this.#parts.queries.change(change, key, hash);
      } catch (error) {
        this.#setup.failures.take(error, this.#parts.querySite, change, timestampMs, -1);
      }
    }
  }

  #match(document: unknown, timestampMs: number): void {
    const { emission, failures, output } = this.#setup;
    const { matchSite, queries } = this.#parts;
    const fail = (error: unknown): void => failures.take(error, matchSite, document, timestampMs, -1);
    let results: readonly unknown[];
    try {
      results = queries.match(document);
    } catch (error) {
      fail(error);
      return;
    }
    emission.emitAll(results, { timestampMs, emit: output.emit, onError: fail });
  }

  freeze(checkpointId: number, isFinal?: boolean): FrozenOperator {
    const { checkpointMode } = this.#setup.environment.deployment.options;
    const entries: readonly DocumentEntry[] =
      checkpointMode === 'at-least-once'
        ? [{ watermarkMs: toFiniteWatermark(this.#watermarkMs), documents: this.#waiting(() => true) }]
        : this.#share();
    this.#subtaskState.lists.unionList(DOCUMENTS).update(entries);
    const keyed = this.#freezeKeyed(checkpointId, isFinal);
    const inline = this.#subtaskState.snapshot();
    return {
      write: async (blobStore, prefix) => ({
        ...(await keyed.write(blobStore, prefix)),
        ...(inline === undefined ? {} : { inline }),
      }),
    };
  }

  /** By time, which all subtasks know alike, although documents of several channels come to each in an order of its own. */
  #share(): readonly TimedDocument[] {
    const { subtaskIndex, vertex } = this.#setup.environment;
    return this.#waiting((timestampMs) => (hashKey(timestampMs) >>> 0) % vertex.parallelism === subtaskIndex);
  }

  #waiting(isWanted: (timestampMs: number) => boolean): readonly TimedDocument[] {
    const waiting: TimedDocument[] = [];
    this.#documents.each((document, timestampMs) => {
      if (isWanted(timestampMs)) waiting.push([timestampMs, document]);
    });
    return waiting;
  }

  #checkTime(timestampMs: number): void {
    if (!(timestampMs > -Infinity && timestampMs < Infinity)) throw noEventTime(this.node);
  }
}

/** A checkpoint has entries of one form. Whatever came before its barriers is later than the least watermark, or was matched by all. */
function documentsOf(entries: readonly DocumentEntry[]): readonly TimedDocument[] {
  const shares: TimedDocument[] = [];
  let least: DocumentsOfSubtask | undefined;
  for (const entry of entries) {
    if (!('documents' in entry)) shares.push(entry);
    else if (least === undefined || (entry.watermarkMs ?? -Infinity) < (least.watermarkMs ?? -Infinity))
      least = entry;
  }
  return least?.documents ?? shares;
}
