// [HOT] Records in flight in the order of their arrival, with the watermarks between them: which result may leave next. It calls
// nobody and knows no time.
import { EntryState, type InFlightEntry } from './in-flight-entry.ts';
import { NewestByKey } from './newest-by-key.ts';

/** What is between two watermarks. */
export class Segment<C> {
  /** Records whose results have not left. */
  count = 0;
  /** The watermark behind it; NaN: none yet. */
  watermarkMs = NaN;
  /** Results that may leave, in the order in which they came to that. Unused where the order of all records is kept. */
  ready: InFlightEntry<C>[] = [];
  readyHead = 0;
  /** Behind its watermark. */
  next: Segment<C> | undefined = undefined;
}

/**
 * Results leave in the order asked for; none overtakes a watermark, and none is overtaken by one.
 * Contract: `complete` is called once for each entry, before or after its turn. `poll` gives what may leave now, and undefined
 * where a watermark must leave first: it then stands in `releasedMs`. Bounds: its user's. Complexity: a step an operation.
 * Source: Flink's OrderedStreamElementQueue and UnorderedStreamElementQueue; the order by key is our own.
 */
export class InFlightQueue<C = unknown> {
  /** Greatest watermark with no earlier result behind it. */
  releasedMs: number;
  /** Entries that have not left. */
  count = 0;
  first: InFlightEntry<C> | undefined;
  #last: InFlightEntry<C> | undefined;
  readonly #order: 'ordered' | 'unordered' | 'perKey';
  /** Where the order of a key is kept. */
  readonly #newest: NewestByKey<C> | undefined;
  /** The one whose results leave; all but the last are closed. */
  #leaving = new Segment<C>();
  /** The one before the one that records join; undefined: there is only one. */
  #closed: Segment<C> | undefined;
  /** The one that records join. */
  #open = this.#leaving;

  /** `entriesMax`: about so many are in flight at once. */
  constructor(order: 'ordered' | 'unordered' | 'perKey', releasedMs: number, entriesMax = 1) {
    this.#order = order;
    this.#newest = order === 'perKey' ? new NewestByKey(entriesMax) : undefined;
    this.releasedMs = releasedMs;
  }

  add(entry: InFlightEntry<C>): void {
    entry.segment = this.#open;
    this.#open.count++;
    this.count++;
    if (this.#last === undefined) this.first = entry;
    else {
      entry.previous = this.#last;
      this.#last.next = entry;
    }
    this.#last = entry;
    if (this.#newest === undefined) return;
    const before = this.#newest.replace(entry);
    if (before === undefined) return;
    before.successor = entry;
    entry.isBehind = true;
  }

  /** Event time has come to `watermarkMs`, behind all entries so far. */
  addWatermark(watermarkMs: number): void {
    const open = this.#open;
    if (open.count > 0) {
      open.watermarkMs = watermarkMs;
      open.next = new Segment<C>();
      this.#closed = open;
      this.#open = open.next;
    } else if (this.#closed !== undefined) {
      // Nothing came between: only the newest matters.
      this.#closed.watermarkMs = watermarkMs;
    } else {
      this.releasedMs = watermarkMs;
    }
  }

  complete(
    entry: InFlightEntry<C>,
    state: typeof EntryState.Done | typeof EntryState.Failed,
    result: unknown,
  ): void {
    entry.state = state;
    entry.result = result;
    entry.call = undefined;
    if (this.#order === 'ordered' || entry.isBehind) return;
    entry.segment?.ready.push(entry);
  }

  /** `poll` would give something, or release a watermark. */
  get hasReady(): boolean {
    const segment = this.#leaving;
    if (segment.count === 0) return !Number.isNaN(segment.watermarkMs);
    if (this.#order !== 'ordered') return segment.readyHead < segment.ready.length;
    return this.first !== undefined && this.first.state >= EntryState.Done;
  }

  poll(): InFlightEntry<C> | undefined {
    const segment = this.#leaving;
    if (segment.count === 0) {
      if (!Number.isNaN(segment.watermarkMs)) this.#release(segment);
      return undefined;
    }
    const entry = this.#order === 'ordered' ? this.#firstIfDone() : this.#nextReady(segment);
    if (entry === undefined) return undefined;
    segment.count--;
    this.count--;
    this.#unlink(entry);
    if (this.#order === 'perKey') this.#letFollow(entry);
    return entry;
  }

  #release(segment: Segment<C>): void {
    this.releasedMs = segment.watermarkMs;
    if (segment.next !== undefined) this.#leaving = segment.next;
    if (this.#closed === segment) this.#closed = undefined;
  }

  #firstIfDone(): InFlightEntry<C> | undefined {
    const { first } = this;
    return first !== undefined && first.state >= EntryState.Done ? first : undefined;
  }

  #nextReady(segment: Segment<C>): InFlightEntry<C> | undefined {
    if (segment.readyHead === segment.ready.length) return undefined;
    const entry = segment.ready[segment.readyHead] as InFlightEntry<C>;
    segment.readyHead++;
    if (segment.readyHead === segment.ready.length) {
      segment.ready = [];
      segment.readyHead = 0;
    }
    return entry;
  }

  #letFollow(entry: InFlightEntry<C>): void {
    const { successor } = entry;
    if (successor === undefined) {
      this.#newest?.remove(entry);
      return;
    }
    successor.isBehind = false;
    if (successor.state >= EntryState.Done) successor.segment?.ready.push(successor);
  }

  #unlink(entry: InFlightEntry<C>): void {
    const { previous, next } = entry;
    if (previous === undefined) this.first = next;
    else previous.next = next;
    if (next === undefined) this.#last = previous;
    else next.previous = previous;
  }
}
