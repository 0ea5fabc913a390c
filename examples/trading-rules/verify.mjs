// Compares what the job wrote with an independent computation. Exit code 1 when they differ.
//
//   node examples/trading-rules/verify.mjs [--out out] [--data examples/trading-rules/data]
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { computeSignals } from './reference.mjs';

const { values } = parseArgs({
  options: {
    out: { type: 'string', default: 'out' },
    data: { type: 'string', default: fileURLToPath(new URL('data', import.meta.url)) },
  },
});

const writtenTo = (output) =>
  readdirSync(`${values.out}/${output}`)
    .filter((name) => !name.startsWith('.'))
    .flatMap((name) => readFileSync(`${values.out}/${output}/${name}`, 'utf8').split('\n'))
    .filter((line) => line !== '')
    .sort();
let isEqual = true;
for (const [output, rows] of Object.entries({ signals: computeSignals(values.data) })) {
  const written = writtenTo(output);
  const expected = rows.map((row) => JSON.stringify(row)).sort();
  console.log(`${output}: ${written.length} rows, ${expected.length} expected`);
  isEqual &&= JSON.stringify(written) === JSON.stringify(expected);
}
console.log(isEqual ? 'The output is equal to the reference.' : 'The output differs from the reference.');
process.exitCode = isEqual ? 0 : 1;
