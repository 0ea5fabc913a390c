// Rows that a job printed as a table: gathered while it runs, shown at the end under their title.
import type { OutputLine } from '@millrace/proto';
import { formatTable, type Cell } from './table.ts';

/** Rows kept for one table at most; a job that prints more should write to a sink. */
const TABLE_ROWS_MAX = 10_000;

interface Gathered {
  readonly title: string;
  readonly rows: Record<string, unknown>[];
  omitted: number;
}

export class OutputTables {
  readonly #byNode = new Map<number, Gathered>();

  add(line: OutputLine): void {
    const table = this.#byNode.get(line.nodeId) ?? { title: line.title ?? '', rows: [], omitted: 0 };
    this.#byNode.set(line.nodeId, table);
    if (table.rows.length >= TABLE_ROWS_MAX) table.omitted++;
    else table.rows.push(toRow(JSON.parse(line.text)));
  }

  /** Lines of all tables, each under its title. */
  lines(): string[] {
    return [...this.#byNode.entries()]
      .sort(([a], [b]) => a - b)
      .flatMap(([, table]) => {
        const headers = [...new Set(table.rows.flatMap((row) => Object.keys(row)))];
        const rows = table.rows.map((row) => headers.map((header) => toCell(row[header])));
        const omitted = table.omitted > 0 ? [`… and ${table.omitted} more rows`] : [];
        return ['', ...(table.title === '' ? [] : [table.title]), ...formatTable(headers, rows), ...omitted];
      });
  }

  /** For `--json`. */
  tables(): { title: string; rows: readonly Record<string, unknown>[] }[] {
    return [...this.#byNode.values()].map(({ title, rows }) => ({ title, rows }));
  }
}

function toRow(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : { value };
}

function toCell(value: unknown): Cell {
  if (value === undefined || value === null) return null;
  if (typeof value === 'number' || typeof value === 'string') return value;
  return JSON.stringify(value);
}
