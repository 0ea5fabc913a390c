// Rows of a query's result in a form in which engines can be compared: what updates end in, times in milliseconds, sorted.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export type Row = { readonly [field: string]: unknown };

/** How the rows of a query are read. */
interface Shape {
  /** Later rows of a key replace earlier ones. Unset: all rows count. */
  readonly key?: readonly string[];
  /** Fields that are compared; unset, all. Where events tie, the others are open. */
  readonly fields?: readonly string[];
}

const SHAPES: { readonly [query: string]: Shape } = {
  q4: { key: ['category'] },
  q6: { key: ['seller'] },
  q9: { key: ['id'], fields: ['id', 'price', 'bidTime', 'category', 'extra'] },
  q15: { key: ['day'] },
  q16: { key: ['channel', 'day'] },
  q17: { key: ['auction', 'day'] },
  q18: { key: ['bidder', 'auction'], fields: ['bidder', 'auction', 'dateTime'] },
  q19: { key: ['auction', 'place'], fields: ['auction', 'place', 'price'] },
};

const TIMES = ['dateTime', 'expires', 'bidTime', 'auctionTime', 'window_start', 'window_end'];

/** What is left of a result: how many rows, and a hash of them. */
export interface Digest {
  readonly rows: number;
  readonly sha256: string;
}

/** Rows of the JSON lines of a directory: of each subtask in the order in which it wrote them, attempt by attempt. */
export function readRows(directory: string): readonly Row[] {
  return readdirSync(directory)
    .filter((name) => !name.startsWith('.') && !name.startsWith('_'))
    .sort((a, b) => a.localeCompare(b, 'en', { numeric: true }))
    .flatMap((name) => readFileSync(join(directory, name), 'utf8').split('\n'))
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Row);
}

/** What updates of a query end in, as sorted lines: of the fields that are the same on all engines. */
export function finalLines(query: string, rows: readonly Row[]): readonly string[] {
  return linesOf(query, rows, SHAPES[query]?.fields);
}

/** The same with all fields, where no events tie. */
export function wholeLines(query: string, rows: readonly Row[]): readonly string[] {
  return linesOf(query, rows, undefined);
}

function linesOf(
  query: string,
  rows: readonly Row[],
  fields: readonly string[] | undefined,
): readonly string[] {
  const { key } = SHAPES[query] ?? {};
  let final = rows;
  if (key !== undefined) {
    const last = new Map(rows.map((row) => [JSON.stringify(key.map((name) => row[name])), row]));
    final = [...last.values()];
  }
  return final.map((row) => lineOf(row, fields ?? Object.keys(row))).sort();
}

/** The digest of lines. */
export function digestOf(lines: readonly string[]): Digest {
  return { rows: lines.length, sha256: createHash('sha256').update(lines.join('\n')).digest('hex') };
}

function lineOf(row: Row, fields: readonly string[]): string {
  return JSON.stringify(fields.toSorted().map((name) => [name, plain(name, row[name])]));
}

function plain(name: string, value: unknown): unknown {
  if (TIMES.includes(name) && typeof value === 'string')
    return Date.parse(value.endsWith('Z') ? value : `${value}Z`);
  // Decimals of one engine are doubles of the other.
  return typeof value === 'number' ? Math.round(value * 1_000) / 1_000 : value;
}
