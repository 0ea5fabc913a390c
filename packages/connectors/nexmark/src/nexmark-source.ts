// Sources of generated events: of all of them, or of one kind as columns of which only those are made that the job reads.
import {
  MillraceError,
  sourceBrand,
  type ComputedColumn,
  type Json,
  type Source,
  type SourceBatch,
  type Split,
  type SplitReader,
} from '@millrace/api';
import { mix } from './draws.ts';
import { auctionColumns, bidColumns, EventRows, personColumns, ROWS_MAX } from './event-columns.ts';
import {
  AUCTION,
  BID,
  BLOCK,
  kindAt,
  NexmarkEvents,
  PERSON,
  PLACES,
  type Auction,
  type Bid,
  type NexmarkEvent,
  type Person,
} from './nexmark-events.ts';

/** Options of the sources. */
export interface NexmarkOptions {
  /** Events of all kinds in all, rounded down to whole blocks of 50 events for each split. Unset: no end. */
  readonly events?: number;
  /** Events in a second of event time. Default 10,000,000, as in Nexmark's own suite: then windows fire at the end. */
  readonly eventRate?: number;
  /** Another seed, other events: a whole number of 32 bits, signed or unsigned. Default 1. */
  readonly seed?: number;
  /** Events are shuffled in groups of this many, which must last less than the bound of the watermarks. Default 1: in order. */
  readonly disorder?: number;
  /** Parts that are made in parallel, which take blocks in turn. Default: the source's parallelism. */
  readonly splits?: number;
  /** Records a second of real time, of all subtasks together. Unset: as fast as it goes. */
  readonly ratePerSecond?: number;
}

interface Settings {
  readonly events: number | undefined;
  readonly eventRate: number;
  readonly seed: number;
  readonly disorder: number;
  readonly splits: number | undefined;
  readonly ratePerSecond: number | undefined;
}

const OPTIONS = ['events', 'eventRate', 'seed', 'disorder', 'splits', 'ratePerSecond'];
const STRIDE = 953;
const SPLITS_MAX = 1_024;

/** All events, in the form of the benchmark's files. */
export function nexmarkEvents(options: NexmarkOptions = {}): Source<NexmarkEvent> {
  return sourceOf('nexmark events', options, undefined, wholeEvents);
}

/** The people. */
export function nexmarkPersons(options: NexmarkOptions = {}): Source<Person> {
  return sourceOf('nexmark persons', options, PERSON, computed(personColumns));
}

/** The auctions. */
export function nexmarkAuctions(options: NexmarkOptions = {}): Source<Auction> {
  return sourceOf('nexmark auctions', options, AUCTION, computed(auctionColumns));
}

/** The bids. */
export function nexmarkBids(options: NexmarkOptions = {}): Source<Bid> {
  return sourceOf('nexmark bids', options, BID, computed(bidColumns));
}

/** What batches have beside their rows. */
type Contents<T> = (
  events: NexmarkEvents,
  rows: EventRows,
) =>
  | { readonly kind: 'indexed'; readonly recordAt: (row: number) => T }
  | { readonly kind: 'computed'; readonly columns: readonly ComputedColumn[] };

function wholeEvents(events: NexmarkEvents, rows: EventRows): ReturnType<Contents<NexmarkEvent>> {
  const recordAt = (row: number): NexmarkEvent =>
    events.eventAt(rows.blocks[row] as number, rows.places[row] as number);
  return { kind: 'indexed', recordAt };
}

function computed<T>(
  columns: (events: NexmarkEvents, rows: EventRows) => readonly ComputedColumn[],
): Contents<T> {
  return (events, rows) => ({ kind: 'computed', columns: columns(events, rows) });
}

// oxlint-disable-next-line max-params -- only called above
function sourceOf<T>(
  name: string,
  options: NexmarkOptions,
  kind: 0 | 1 | 2 | undefined,
  contents: Contents<T>,
): Source<T> {
  const settings = settingsOf(options);
  const { events: count, splits, ratePerSecond, eventRate, seed, disorder } = settings;
  let events: NexmarkEvents | undefined;
  return Object.freeze({
    [sourceBrand]: 1,
    name,
    boundedness: count === undefined ? 'unbounded' : 'bounded',
    // Splits advance through event time together.
    isOrdered: false,
    isWellFormed: true,
    ...(ratePerSecond === undefined ? {} : { ratePerSecond }),
    describe: () => ({ events: count ?? null, eventRate, seed, disorder, splits: splits ?? null }),
    enumerate: ({ parallelism }) => splitsOf(splits ?? parallelism, count),
    openSplit(split, position) {
      events ??= new NexmarkEvents({ seed, eventRate });
      const rows = new EventRows();
      const at = { split, position, disorder, kind, mixedSeed: mix(seed) };
      return new EventReader<T>(rows, contents(events, rows), at);
    },
  } satisfies Source<T>);
}

function splitsOf(splitCount: number, events: number | undefined): readonly Split[] {
  const perSplit = events === undefined ? undefined : Math.floor(events / (BLOCK * splitCount)) * BLOCK;
  return Array.from({ length: splitCount }, (_, index) => ({
    id: `${index}/${splitCount}`,
    index,
    splitCount,
    ...(perSplit === undefined ? {} : { positions: perSplit, weight: perSplit }),
  }));
}

/** Where a reader is, and what it reads. */
interface ReaderStart {
  readonly split: Split;
  readonly position: Json | undefined;
  readonly disorder: number;
  /** undefined: all. */
  readonly kind: 0 | 1 | 2 | undefined;
  readonly mixedSeed: number;
}

/** Reads the blocks of 50 positions whose number is `index` modulo `splitCount`. A batch is good until the next read. */
class EventReader<T> implements SplitReader<T> {
  readonly #rows: EventRows;
  readonly #contents: ReturnType<Contents<T>>;
  readonly #start: ReaderStart;
  readonly #index: number;
  readonly #splitCount: number;
  readonly #positions: number;
  /** Counts all positions of the split, whatever is read of them. */
  #position: number;

  constructor(rows: EventRows, contents: ReturnType<Contents<T>>, start: ReaderStart) {
    const { split, position } = start;
    this.#rows = rows;
    this.#contents = contents;
    this.#start = start;
    this.#index = Number(split['index']);
    this.#splitCount = Number(split['splitCount']);
    this.#positions = split['positions'] === undefined ? Infinity : Number(split['positions']);
    this.#position = typeof position === 'number' ? position : 0;
  }

  read(recordsAsked: number): SourceBatch<T> | undefined {
    if (this.#position >= this.#positions) return undefined;
    const recordsMax = Math.min(recordsAsked, ROWS_MAX);
    const count = this.#start.disorder === 1 ? this.#fillInOrder(recordsMax) : this.#fillShuffled(recordsMax);
    const { blocks, places } = this.#rows;
    const contents = this.#contents;
    const from = 0;
    const to = count;
    const position = this.#position;
    const weightRead = position;
    const positionOf = (row: number): string =>
      `event ${(blocks[row] as number) * BLOCK + (places[row] as number)}`;
    // Literals, not copies of fields: those would have two hidden classes in turn.
    if (contents.kind === 'indexed') {
      const { recordAt } = contents;
      return { kind: 'indexed', recordAt, from, to, position, weightRead, positionOf };
    }
    const { columns } = contents;
    return { kind: 'computed', columns, from, to, position, weightRead, positionOf };
  }

  /** Block by block, and of each only the places of the kind. */
  #fillInOrder(recordsMax: number): number {
    const { kind, mixedSeed } = this.#start;
    const rows = this.#rows;
    const [first, end] = kind === undefined ? [0, BLOCK] : (PLACES[kind] as readonly [number, number]);
    let place = this.#position % BLOCK;
    let ownBlock = (this.#position - place) / BLOCK;
    const blockEnd = this.#positions / BLOCK;
    let count = 0;
    if (place < first) place = first;
    while (count < recordsMax && ownBlock < blockEnd) {
      const block = ownBlock * this.#splitCount + this.#index;
      const to = Math.min(end, place + recordsMax - count);
      for (; place < to; place++) rows.put(count++, block, place, mixedSeed);
      if (place < end) break;
      place = first;
      ownBlock++;
    }
    this.#position = ownBlock >= blockEnd ? this.#positions : ownBlock * BLOCK + place;
    return count;
  }

  /** Position after position: a group has events of all kinds in another order. */
  #fillShuffled(recordsMax: number): number {
    const { kind, mixedSeed, disorder } = this.#start;
    const rows = this.#rows;
    let count = 0;
    let position = this.#position;
    while (count < recordsMax && position < this.#positions) {
      const own = position % BLOCK;
      const at = (((position - own) / BLOCK) * this.#splitCount + this.#index) * BLOCK + own;
      const number = at - (at % disorder) + ((STRIDE * at) % disorder);
      const place = number % BLOCK;
      position++;
      if (kind === undefined || kindAt(place) === kind)
        rows.put(count++, (number - place) / BLOCK, place, mixedSeed);
    }
    this.#position = position;
    return count;
  }
}

function settingsOf(options: NexmarkOptions): Settings {
  for (const name of Object.keys(options))
    if (!OPTIONS.includes(name)) throw invalid(`Unknown option "${name}": they are ${OPTIONS.join(', ')}`);
  const { events, splits, ratePerSecond } = options;
  if (ratePerSecond !== undefined && !(ratePerSecond > 0))
    throw invalid(`Cannot use ${String(ratePerSecond)} as \`ratePerSecond\`: write a number above 0`);
  return {
    events: events === undefined ? undefined : whole('events', events, { min: 0 }),
    eventRate: whole('eventRate', options.eventRate ?? 10_000_000, { min: 1 }),
    seed: whole('seed', options.seed ?? 1, { min: -(2 ** 31), max: 2 ** 32 - 1 }),
    disorder: whole('disorder', options.disorder ?? 1, { min: 1, max: 1_000_000 }),
    splits: splits === undefined ? undefined : whole('splits', splits, { min: 1, max: SPLITS_MAX }),
    ratePerSecond,
  };
}

function whole(
  name: string,
  value: number,
  { min, max = Number.MAX_SAFE_INTEGER }: { readonly min: number; readonly max?: number },
): number {
  if (Number.isSafeInteger(value) && value >= min && value <= max) return value;
  throw invalid(`Cannot use ${String(value)} as \`${name}\`: write a whole number from ${min} to ${max}`);
}

function invalid(message: string): MillraceError {
  return new MillraceError('MR_OPTION_INVALID', `Nexmark: ${message}`);
}
