// Comparisons as lines of text.
import type { Row } from './compare.ts';

const HEADER = ['bench', 'what', 'baseline', '', 'ours', 'unit', 'ratio', 'guard', ''];

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

/** Lines under their header. */
export function table(lines: readonly (readonly string[])[]): string {
  const rows = [HEADER, ...lines];
  const widths = HEADER.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const isNumber = (column: number): boolean => column === 3 || column === 4 || column === 6;
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
