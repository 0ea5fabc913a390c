// Tables of random jobs: what is shared by the engine's job and the reference, and the reference, which knows nothing of the engine.
// A table is the multiset of its rows; how its changes come to be is the engine's affair.
import { groupsOf } from './groups.ts';
import { copiesOf, isKept, mapped, rekeyed, windowNumber, type Rec } from './job-spec.ts';

/** How a stream becomes a table. */
export type TableMaking =
  /** The last record of each origin, which deletes the row when it says so. Of streams in order. */
  | { readonly how: 'upserts' }
  /** The greatest event time of each key. */
  | { readonly how: 'latest' }
  /** What windows give, of all records of a key. */
  | { readonly how: 'counts'; readonly batchSize: number }
  | { readonly how: 'topN'; readonly limit: number; readonly isRanked: boolean }
  | { readonly how: 'rows' };

export type TableStep =
  | { readonly how: 'map'; readonly add: number }
  | { readonly how: 'filter'; readonly modulus: number }
  | { readonly how: 'flatMap'; readonly copies: number }
  | { readonly how: 'rekey'; readonly keyCount: number }
  | { readonly how: 'aggregate'; readonly batchSize: number }
  | { readonly how: 'topN'; readonly limit: number; readonly isRanked: boolean }
  | { readonly how: 'distinct'; readonly modulus: number };

export interface TableJoin {
  readonly joinType: 'inner' | 'left' | 'right' | 'full' | 'semi' | 'anti';
  /** Sides whose rows are told apart by their origin, and not by all that is in them. */
  readonly isLeftUnique: boolean;
  readonly isRightUnique: boolean;
}

/** Rows with a rank have it in their last digit. */
const RANKS = 10;

export function isDeletion({ n }: Rec): boolean {
  return n % 3 === 0;
}

export function latestRow(id: number, { key, ts }: Pick<Rec, 'key' | 'ts'>): Rec {
  return { key, n: ts % 100_000, origin: `${id}/${key}`, seq: 0, ts: 0 };
}

export function totalRow(
  id: number,
  of: {
    readonly key: string;
    readonly count: number;
    readonly sum: number;
    readonly min: number;
    readonly max: number;
  },
): Rec {
  return { key: of.key, n: windowNumber(of), origin: `${id}/${of.key}`, seq: of.count, ts: 0 };
}

export function rankedRow({ key, n, origin, seq }: Rec, rank: number): Rec {
  return { key, n: n * RANKS + rank, origin, seq, ts: 0 };
}

/** Rows of which many are equal. */
export function coarseRow({ key, n }: Rec, modulus: number): Rec {
  return { key, n: Math.abs(n) % modulus, origin: '-', seq: 0, ts: 0 };
}

/** Besides the equal key. */
export function isJoined(left: Rec, right: Rec): boolean {
  return (left.n + right.n) % 4 !== 0;
}

export function joinedRow(id: number, left: Rec | undefined, right: Rec | undefined): Rec {
  const one = (left ?? right) as Rec;
  const nameOf = (row: Rec | undefined): string => (row === undefined ? '-' : `${row.origin}/${row.seq}`);
  return {
    key: one.key,
    n: (left?.n ?? 5) * 7 + (right?.n ?? 3),
    origin: `${id}(${nameOf(left)} ${nameOf(right)})`,
    seq: one.seq,
    ts: 0,
  };
}

/** Rows of a table that was made of `records`. */
export function tableRows(id: number, making: TableMaking, records: readonly Rec[]): readonly Rec[] {
  switch (making.how) {
    case 'upserts':
      return [...groupsOf(records, ({ origin }) => origin).values()]
        .map((group) => group.reduce((last, record) => (record.seq > last.seq ? record : last)))
        .filter((row) => !isDeletion(row));
    case 'latest':
      return [...byKey(records)].map(([key, group]) =>
        latestRow(id, { key, ts: Math.max(...group.map(({ ts }) => ts)) }),
      );
    case 'counts':
      return totals(id, records);
    case 'topN':
      return firstRows(making, records);
    case 'rows':
      return records;
    default:
      return making satisfies never;
  }
}

/** Rows of a table behind one step. */
export function rowsBehind(id: number, step: TableStep, rows: readonly Rec[]): readonly Rec[] {
  switch (step.how) {
    case 'map':
      return rows.map((row) => mapped(row, step.add));
    case 'filter':
      return rows.filter((row) => isKept(row, step.modulus));
    case 'flatMap':
      return rows.flatMap((row) => copiesOf(row, step.copies));
    case 'rekey':
      return rows.map((row) => rekeyed(row, step.keyCount));
    case 'aggregate':
      return totals(id, rows);
    case 'topN':
      return firstRows(step, rows);
    case 'distinct': {
      const coarse = rows.map((row) => coarseRow(row, step.modulus));
      return [...new Map(coarse.map((row) => [JSON.stringify(row), row])).values()];
    }
    default:
      return step satisfies never;
  }
}

export function joinedRows(
  id: number,
  { joinType }: TableJoin,
  [lefts, rights]: readonly [readonly Rec[], readonly Rec[]],
): readonly Rec[] {
  const partnersOf = (left: Rec): readonly Rec[] =>
    rights.filter((right) => left.key === right.key && isJoined(left, right));
  const rows: Rec[] = [];
  // Both sides may be of one table, and have the same objects.
  const met = new Set<Rec>();
  for (const left of lefts) {
    const partners = partnersOf(left);
    for (const right of partners) met.add(right);
    if (joinType === 'semi' || joinType === 'anti') {
      if (partners.length > 0 === (joinType === 'semi')) rows.push(joinedRow(id, left, undefined));
      continue;
    }
    for (const right of partners) rows.push(joinedRow(id, left, right));
    if (partners.length === 0 && (joinType === 'left' || joinType === 'full'))
      rows.push(joinedRow(id, left, undefined));
  }
  if (joinType === 'right' || joinType === 'full')
    for (const right of rights) if (!met.has(right)) rows.push(joinedRow(id, undefined, right));
  return rows;
}

/**
 * The rows that are there after changes, whatever order these came in: lines of them begin with `{"c":"<kind>",`. A row that was taken back
 * and never given shows as a line of its own.
 */
export function rowsAfter(changes: readonly string[]): readonly string[] {
  const counts = new Map<string, number>();
  for (const change of changes) {
    const { kind = '', row = '' } = /^\{"c":"(?<kind>\w+)",(?<row>.*)$/u.exec(change)?.groups ?? {};
    const by = kind === 'insert' || kind === 'updateAfter' ? 1 : -1;
    counts.set(row, (counts.get(row) ?? 0) + by);
  }
  return [...counts].flatMap(([row, count]) =>
    count >= 0
      ? Array.from({ length: count }, () => `{${row}`)
      : [`${-count} times taken back without being there: {${row}`],
  );
}

function byKey(records: readonly Rec[]): ReadonlyMap<string, readonly Rec[]> {
  return groupsOf(records, ({ key }) => key);
}

function totals(id: number, records: readonly Rec[]): readonly Rec[] {
  return [...byKey(records)].map(([key, group]) => {
    const numbers = group.map(({ n }) => n);
    const sum = numbers.reduce((total, n) => total + n, 0);
    const [min, max] = [Math.min(...numbers), Math.max(...numbers)];
    return totalRow(id, { key, count: numbers.length, sum, min, max });
  });
}

function firstRows(
  { limit, isRanked }: { readonly limit: number; readonly isRanked: boolean },
  rows: readonly Rec[],
): readonly Rec[] {
  return [...byKey(rows).values()].flatMap((group) =>
    group
      .toSorted((a, b) => b.n - a.n || compareTexts(a.origin, b.origin) || a.seq - b.seq)
      .slice(0, limit)
      .map((row, index) => (isRanked ? rankedRow(row, index + 1) : row)),
  );
}

export function compareTexts(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
