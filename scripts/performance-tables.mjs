// Tables of docs/performance.md.
import { originOf } from './performance-rows.mjs';

/**
 * A table in Markdown, as lines. `header`: names of columns, those of numbers with a colon at their end. `lines`: {cells, row}. Where a
 * row is of another commit or day than `origin`, which is the page's, a last column says of which.
 */
export function tableLines(header, lines, origin) {
  const own = lines.map(({ row }) => originOf(row)).map((of) => (of === origin ? '' : of));
  const isMixed = own.some((of) => of !== '');
  const names = [...header, ...(isMixed ? ['commit, day'] : [])];
  return [
    cells(names.map((name) => name.replace(/:$/, ''))),
    cells(names.map((name) => (name.endsWith(':') ? '---:' : '---'))),
    ...lines.map((line, index) => cells([...line.cells, ...(isMixed ? [own[index]] : [])])),
  ];
}

function cells(texts) {
  return `| ${texts.join(' | ')} |`;
}

/**
 * Which of several conditions are met, as a cell: `conditions` are by name, undefined where nothing was measured. "no: …" names those
 * that are not met; those that are met are named where others were not measured.
 */
export function reached(conditions) {
  const all = Object.entries(conditions);
  const known = all.filter(([, isMet]) => isMet !== undefined);
  const missed = known.filter(([, isMet]) => !isMet);
  const namesOf = (some) => some.map(([name]) => name).join(', ');
  if (missed.length > 0) return `no: ${namesOf(missed)}`;
  return known.length === all.length ? 'yes' : namesOf(known);
}

/** The ratio of a comparison; of several pairs the median, with how many there were, and from where to where. */
export function timesText({ ratio, ratios }) {
  if (ratio === undefined) return '';
  if (ratios === undefined) return ratio.toFixed(2);
  return `${ratio.toFixed(2)} (${ratios.length}: ${Math.min(...ratios).toFixed(2)} to ${Math.max(...ratios).toFixed(2)})`;
}

/** Three digits of a number, as a rule. */
export function digits(value) {
  if (value >= 100) return Math.round(value).toLocaleString('en');
  return value >= 10 ? value.toFixed(1) : value >= 1 ? value.toFixed(2) : value.toPrecision(2);
}
