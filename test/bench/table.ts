// Comparisons as lines of text.
import type { Row } from './compare.ts';

const HEADER = ['bench', 'what', 'baseline', '', 'ours', 'unit', 'ratio', 'guard', ''];
const MEASURES_HEADER = ['ours', 'CPU s/M records', 'ms of one: p50', 'p99', 'p99.9', 'count', 'peak RSS MB'];

/** A comparison as a line of the table. */
export function cells(row: Row): string[] {
  const verdict = row.guard === undefined ? '' : row.ratio >= row.guard ? 'ok' : 'BELOW';
  const guard = row.guard === undefined ? '' : `≥ ${row.guard}`;
  return [
    row.what,
    row.against,
    digits(row.baseline),
    digits(row.ours),
    row.unit,
    row.ratio.toFixed(2),
    guard,
    verdict,
  ];
}

function digits(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toFixed(2);
}

/** What our part of it took beside its speed, as a line of the table of that. */
export function measureCells(row: Row): string[] {
  const { cpuSecondsPerMillion, workMsP50, workMsP99, workMsP999, workCount, peakRssBytes } = row;
  const shown = (value: number | undefined): string => (value === undefined ? '' : digits(value));
  return [
    shown(cpuSecondsPerMillion),
    shown(workMsP50),
    shown(workMsP99),
    shown(workMsP999),
    String(workCount ?? ''),
    peakRssBytes === undefined ? '' : (peakRssBytes / 1e6).toFixed(0),
  ];
}

/** Comparisons under their header. */
export function table(lines: readonly (readonly string[])[]): string {
  return aligned([HEADER, ...lines], (column) => column === 3 || column === 4 || column === 6);
}

/** Measures under their header. */
export function measureTable(lines: readonly (readonly string[])[]): string {
  return aligned([MEASURES_HEADER, ...lines], (column) => column > 0);
}

function aligned(rows: readonly (readonly string[])[], isNumber: (column: number) => boolean): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map((row) =>
      row
        .map((cell, column) =>
          isNumber(column) ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
        )
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
