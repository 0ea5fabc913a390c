// Compares what the job wrote with the reference, as multisets of JSON values. Exit code 1 when they differ.
//
//   node examples/flight-delays/verify.mjs [--out out] [--reference reference-out] [--input …] [--airports …] [--json]
//
// Without --reference the reference is computed. A row is lost when it is missing, duplicated when it is there more often
// than it should be, wrong when no row of the reference is equal to it.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { computeReference } from './reference.mjs';

const EXAMPLES_SHOWN_MAX = 3;

const { values: options } = parseArgs({
  options: {
    out: { type: 'string', default: 'out' },
    reference: { type: 'string' },
    input: { type: 'string' },
    airports: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
});

/** Rows of the visible files in a directory, in a canonical text form, with how often each is there. */
function readRows(directory) {
  const rows = new Map();
  const names = existsSync(directory) ? readdirSync(directory).filter((name) => !name.startsWith('.')) : [];
  for (const name of names) {
    const text = readFileSync(join(directory, name), 'utf8');
    if (text !== '' && !text.endsWith('\n'))
      throw new Error(`${join(directory, name)} does not end in a line end: it is not whole`);
    for (const line of text.split('\n')) if (line !== '') addRow(rows, JSON.parse(line));
  }
  return rows;
}

/** The same text for equal JSON values, whatever the order of their fields. */
function canonical(row) {
  return JSON.stringify(Object.fromEntries(Object.entries(row).sort(([a], [b]) => (a < b ? -1 : 1))));
}

function addRow(rows, row) {
  const text = canonical(row);
  rows.set(text, (rows.get(text) ?? 0) + 1);
}

function compare(actual, expected) {
  /** @type {string[]} */
  const examples = [];
  const result = { rows: 0, expected: 0, lost: 0, duplicated: 0, wrong: 0, examples };
  const note = (kind, text) =>
    void (examples.length < EXAMPLES_SHOWN_MAX && examples.push(`${kind}: ${text}`));
  for (const [text, times] of expected) {
    result.expected += times;
    const missing = times - (actual.get(text) ?? 0);
    if (missing > 0) {
      result.lost += missing;
      note('lost', text);
    }
  }
  for (const [text, times] of actual) {
    result.rows += times;
    const wanted = expected.get(text) ?? 0;
    if (times <= wanted) continue;
    result[wanted === 0 ? 'wrong' : 'duplicated'] += times - wanted;
    note(wanted === 0 ? 'wrong' : 'duplicated', text);
  }
  return result;
}

function expectedRows(rows) {
  const expected = new Map();
  for (const row of rows) addRow(expected, row);
  return expected;
}

const { out, reference, json, ...files } = options;
const expected =
  reference === undefined
    ? await computeReference(files).then(({ hourly, top }) => ({
        hourly: expectedRows(hourly),
        top: expectedRows(top),
      }))
    : { hourly: readRows(join(reference, 'hourly')), top: readRows(join(reference, 'top')) };

let isEqual = true;
for (const name of ['hourly', 'top']) {
  const result = compare(readRows(join(out, name)), expected[name]);
  isEqual &&= result.lost === 0 && result.duplicated === 0 && result.wrong === 0 && result.expected > 0;
  if (json) {
    console.log(JSON.stringify({ output: name, ...result }));
  } else {
    console.log(
      `${name}: ${result.rows} rows, ${result.expected} expected, lost ${result.lost}, duplicated ${result.duplicated}, wrong ${result.wrong}`,
    );
    for (const example of result.examples) console.log(`  ${example}`);
  }
}
if (!json)
  console.log(isEqual ? 'The output is equal to the reference.' : 'The output differs from the reference.');
process.exitCode = isEqual ? 0 : 1;
