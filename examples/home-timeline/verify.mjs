// Applies the changes that the job wrote and compares the tables with an independent computation. Exit code 1 when they differ.
//
//   node examples/home-timeline/verify.mjs [--out out] [--data examples/home-timeline/data]
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { applyChanges, computeTimelines } from './reference.mjs';

const { values } = parseArgs({
  options: {
    out: { type: 'string', default: 'out' },
    data: { type: 'string', default: fileURLToPath(new URL('data', import.meta.url)) },
  },
});

const directory = `${values.out}/timelines`;
const changes = readdirSync(directory)
  .filter((name) => !name.startsWith('.'))
  .flatMap((name) => readFileSync(`${directory}/${name}`, 'utf8').split('\n'))
  .filter((line) => line !== '')
  .map((line) => JSON.parse(line));
const lines = (rows) => rows.map((row) => JSON.stringify(row)).sort();
const written = lines(applyChanges(changes));
const expected = lines(computeTimelines(values.data));
const isEqual = JSON.stringify(written) === JSON.stringify(expected);
console.log(`timelines: ${changes.length} changes make ${written.length} rows, ${expected.length} expected`);
console.log(isEqual ? 'The output is equal to the reference.' : 'The output differs from the reference.');
process.exitCode = isEqual ? 0 : 1;
