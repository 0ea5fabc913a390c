// Aligned tables for people: numbers to the right, text to the left, two spaces between columns.

export type Cell = string | number | null | undefined;

/** Returns a table as lines. Columns in which every cell is a number or looks like one are aligned to the right. */
export function formatTable(headers: readonly string[], rows: readonly (readonly Cell[])[]): string[] {
  const texts = rows.map((row) => headers.map((_, column) => formatCell(row[column])));
  const widths = headers.map((header, column) =>
    Math.max(header.length, ...texts.map((row) => (row[column] ?? '').length)),
  );
  const isRight = headers.map(
    (_, column) => texts.length > 0 && texts.every((row) => isNumeric(row[column] ?? '')),
  );
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) =>
        isRight[column] === true ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
      )
      .join('  ')
      .trimEnd();
  return [line(headers), line(widths.map((width) => '─'.repeat(width))), ...texts.map(line)];
}

function formatCell(cell: Cell): string {
  if (cell === null || cell === undefined) return '-';
  return typeof cell === 'number' ? formatNumber(cell) : cell;
}

/** 1,234,567 or 12.34. */
function formatNumber(value: number): string {
  return Number.isInteger(value)
    ? value.toLocaleString('en-US')
    : value.toLocaleString('en-US', { minimumFractionDigits: 2, maximumFractionDigits: 2 });
}

function isNumeric(text: string): boolean {
  return text === '-' || /^[-+]?[\d,]+(\.\d+)?( ?(%|[kKMGT]?i?B|ms|s|M|k))?(\/s)?$/.test(text);
}

const BYTE_UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const;

/** 1.5 MiB. */
export function formatBytes(bytes: number): string {
  let unit = 0;
  let value = bytes;
  while (value >= 1024 && unit < BYTE_UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${BYTE_UNITS[unit] ?? 'B'}`;
}

/** 850 ms, 4.2 s, 3m 5s, 2h 10m. */
export function formatDuration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(1)} s`;
  const minutes = Math.floor(ms / 60_000);
  return minutes < 60
    ? `${minutes}m ${Math.round((ms % 60_000) / 1_000)}s`
    : `${Math.floor(minutes / 60)}h ${minutes % 60}m`;
}

/** 1.2 M, 34.5 k, 12. */
export function formatCount(count: number): string {
  if (count >= 1e6) return `${(count / 1e6).toFixed(2)} M`;
  return count >= 1e4 ? `${(count / 1e3).toFixed(1)} k` : `${Math.round(count)}`;
}
