// The part of docs/performance.md on how long results of Nexmark's queries take.
import { NEXMARK_GOALS } from './performance-goals.mjs';
import { digits } from './performance-tables.mjs';

/** Lines of Markdown. `rows`: what the part `nexmark-latency` printed. `table`: makes lines of a header and of {cells, row}. */
export function latencyLines(rows, table) {
  const title = '### How long results take';
  const ordered = Object.keys(NEXMARK_GOALS).flatMap((query) => rows.filter((row) => row.query === query));
  if (ordered.length === 0) return [title, '', 'Not measured.', ''];
  return [
    title,
    '',
    ...table(
      ['query', 'events/s:', 'results:', 'p50:', 'p99:', 'p99.9:', 'longest:', 'CPU s per M:'],
      ordered.map((row) => ({ row, cells: latencyCells(row) })),
    ),
    '',
    'Events come when they are due, whether what came before has been handled or not, at this rate to two processes with a slot each; a checkpoint every 10 s. A result takes from when it was',
    'due (of a row for an event: that event; of a window: its end, on q12 by the clock) until it is there, so that what waits before a source is counted, too. The first 5 s are left',
    'out. Where there are fewer than 100 results there is no p99 of them, and below 1,000 no p99.9: windows of 10 s end three times in the 30 s.',
    '',
  ];
}

function latencyCells(row) {
  const { query, ratePerSecond, results, latencyMsP50, latencyMsP99, latencyMsP999, latencyMsMax } = row;
  const ms = (value) => (typeof value === 'number' ? `${digits(value)} ms` : '');
  return [
    `${query} ${NEXMARK_GOALS[query].name}`,
    ratePerSecond.toLocaleString('en'),
    results.toLocaleString('en'),
    ...[latencyMsP50, latencyMsP99, latencyMsP999, latencyMsMax].map(ms),
    digits(row.cpuSecondsPerMillion),
  ];
}
