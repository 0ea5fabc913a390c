// Joins of two streams in random jobs: what both sides make of a pair, and the reference, which knows nothing of the engine.
import type { Rec } from './job-spec.ts';

export type OuterType = 'inner' | 'left' | 'right' | 'full';

/** Pairs of one key within an interval, or in one tumbling window. */
export type StreamJoin = { readonly joinType: OuterType } & (
  | { readonly how: 'interval'; readonly lowerMs: number; readonly upperMs: number }
  | { readonly how: 'window'; readonly sizeMs: number }
);

/** Besides the equal key: without it there would be too many pairs. */
export function isPair(left: Rec, right: Rec): boolean {
  return left.seq === right.seq;
}

/** The result of a pair, or of a record without a partner. */
export function joinedRecord(
  id: number,
  join: StreamJoin,
  left: Rec | undefined,
  right: Rec | undefined,
): Rec {
  const one = (left ?? right) as Rec;
  const nameOf = (record: Rec | undefined): string =>
    record === undefined ? '-' : `${record.origin}/${record.seq}`;
  const latestMs = Math.max(left?.ts ?? -Infinity, right?.ts ?? -Infinity);
  return {
    key: one.key,
    n: (left?.n ?? 5) * 7 + (right?.n ?? 3),
    origin: `${id}(${nameOf(left)} ${nameOf(right)})`,
    seq: one.seq,
    ts: join.how === 'interval' ? latestMs : endOf(latestMs, join.sizeMs) - 1,
  };
}

interface Side {
  readonly records: readonly Rec[];
  readonly watermarkMs: number;
}

/** What the join of two streams has given when all has been read. */
export function joinedStreams(
  id: number,
  join: StreamJoin,
  [lefts, rights]: readonly [Side, Side],
): { readonly records: readonly Rec[]; readonly watermarkMs: number } {
  const watermarkMs = Math.min(lefts.watermarkMs, rights.watermarkMs);
  const records: Rec[] = [];
  const emit = (left: Rec | undefined, right: Rec | undefined): void => {
    const result = joinedRecord(id, join, left, right);
    if (join.how === 'interval' || result.ts <= watermarkMs) records.push(result);
  };
  const leftReachMs = join.how === 'interval' ? join.upperMs + 1 : -Infinity;
  const rightReachMs = join.how === 'interval' ? 1 - join.lowerMs : -Infinity;
  // Both sides may be of one source, and have the same objects.
  const metLefts = new Set<Rec>();
  const metRights = new Set<Rec>();
  for (const left of lefts.records) {
    for (const right of rights.records) {
      if (left.key !== right.key || !isPair(left, right) || !isNear(join, left.ts, right.ts)) continue;
      metLefts.add(left);
      metRights.add(right);
      emit(left, right);
    }
  }
  const { joinType } = join;
  if (joinType === 'left' || joinType === 'full')
    for (const left of lefts.records)
      if (!metLefts.has(left) && left.ts + leftReachMs <= watermarkMs) emit(left, undefined);
  if (joinType === 'right' || joinType === 'full')
    for (const right of rights.records)
      if (!metRights.has(right) && right.ts + rightReachMs <= watermarkMs) emit(undefined, right);
  // Records without a partner are as old as the interval is long: watermarks are held back by so much.
  const delayMs = joinType === 'inner' ? 0 : Math.max(0, leftReachMs, rightReachMs);
  return { records, watermarkMs: watermarkMs - delayMs };
}

function isNear(join: StreamJoin, leftMs: number, rightMs: number): boolean {
  return join.how === 'interval'
    ? rightMs >= leftMs + join.lowerMs && rightMs <= leftMs + join.upperMs
    : endOf(leftMs, join.sizeMs) === endOf(rightMs, join.sizeMs);
}

function endOf(ts: number, sizeMs: number): number {
  return Math.floor(ts / sizeMs) * sizeMs + sizeMs;
}
