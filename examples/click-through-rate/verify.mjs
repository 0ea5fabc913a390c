// Compares what the job wrote with an independent computation. Exit code 1 when they differ.
//
//   node examples/click-through-rate/verify.mjs [--out out] [--data examples/click-through-rate/data]
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { computeRates } from './reference.mjs';

const { values } = parseArgs({
  options: {
    out: { type: 'string', default: 'out' },
    data: { type: 'string', default: fileURLToPath(new URL('data', import.meta.url)) },
  },
});

const directory = `${values.out}/rates`;
const written = readdirSync(directory)
  .filter((name) => !name.startsWith('.'))
  .flatMap((name) => readFileSync(`${directory}/${name}`, 'utf8').split('\n'))
  .filter((line) => line !== '')
  .sort();
const expected = computeRates(values.data)
  .map((rate) => JSON.stringify(rate))
  .sort();
const isEqual = JSON.stringify(written) === JSON.stringify(expected);
console.log(`rates: ${written.length} rows, ${expected.length} expected`);
console.log(isEqual ? 'The output is equal to the reference.' : 'The output differs from the reference.');
process.exitCode = isEqual ? 0 : 1;
