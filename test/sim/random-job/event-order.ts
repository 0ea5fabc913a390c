// Steps of random jobs that take records in the order of their event time: what is shared by the engine's job and the reference, and the
// reference, which knows nothing of the engine. What comes at one moment is told apart by its origin, or is all the same.
import { groupsOf } from './groups.ts';
import { tagged, type Rec } from './job-spec.ts';
import { compareTexts } from './tables.ts';

export interface PatternSpec {
  readonly contiguity: 'next' | 'followedBy';
  readonly withinMs?: number;
}

export interface Timed {
  readonly records: readonly Rec[];
  readonly watermarkMs: number;
}

/** An event that may be the first of a match. */
export function isStart({ n }: Rec): boolean {
  return n % 3 === 0;
}

/** One that may be the second: some are both, some are neither. */
export function isEnd({ n }: Rec): boolean {
  return n % 2 === 0;
}

export function inOrder(a: Rec, b: Rec): number {
  return compareTexts(a.origin, b.origin) || a.seq - b.seq;
}

export function matchedRecord(id: number, first: Rec, second: Rec): Rec {
  const { key, n, seq, ts } = second;
  const origin = `${id}(${first.origin}/${first.seq} ${second.origin})`;
  return { key, n: first.n * 7 + n, origin, seq, ts };
}

/** Each start goes with the event behind it, or with the next one that is an end. */
export function matchedRecords(id: number, of: PatternSpec, input: Timed): readonly Rec[] {
  return [...eventsByKey(input).values()].flatMap((events) =>
    events.flatMap((first, index) => {
      if (!isStart(first)) return [];
      const behind = events.slice(index + 1);
      const second = of.contiguity === 'next' ? behind[0] : behind.find(isEnd);
      if (second === undefined || !isEnd(second)) return [];
      const isInTime = second.ts - first.ts < (of.withinMs ?? Infinity);
      return isInTime ? [matchedRecord(id, first, second)] : [];
    }),
  );
}

export function firstRecord(id: number, { key, ts }: Pick<Rec, 'key' | 'ts'>): Rec {
  return { key, n: ts % 100_000, origin: `${id}/${key}`, seq: 0, ts };
}

/** Of each key the least event time. */
export function firstRecords(id: number, input: Timed): readonly Rec[] {
  return [...eventsByKey(input)].flatMap(([key, [first]]) =>
    first === undefined ? [] : [firstRecord(id, { key, ts: first.ts })],
  );
}

/** `version`: event time of the row that counts. */
export function withVersion(id: number, record: Rec, version: number | undefined): Rec {
  const n = version === undefined ? record.n - 1 : record.n + (version % 100_000);
  return { ...tagged(record, id, 0), n };
}

/** Each record with the newest version that is not newer than it. */
export function withVersions(
  id: number,
  joinType: 'inner' | 'left',
  [records, table]: readonly [Timed, Timed],
): readonly Rec[] {
  const watermarkMs = Math.min(records.watermarkMs, table.watermarkMs);
  const versions = groupsOf(table.records, ({ key }) => key);
  return records.records
    .filter(({ ts }) => ts <= watermarkMs)
    .flatMap((record) => {
      const times = (versions.get(record.key) ?? []).map(({ ts }) => ts).filter((ts) => ts <= record.ts);
      if (times.length === 0 && joinType === 'inner') return [];
      return [withVersion(id, record, times.length === 0 ? undefined : Math.max(...times))];
    });
}

/** Those that the watermark has passed. */
function eventsByKey({ records, watermarkMs }: Timed): ReadonlyMap<string, readonly Rec[]> {
  const events = records
    .filter(({ ts }) => ts <= watermarkMs)
    .toSorted((a, b) => a.ts - b.ts || inOrder(a, b));
  return groupsOf(events, ({ key }) => key);
}
