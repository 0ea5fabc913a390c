// What the verify.mjs of most examples share: an example's outputs against its independent computation, in any order.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

/**
 * Takes `--out` and `--data` (default: `data` beside `verifier`) from the command line, says how the outputs compare, and sets the exit
 * code: 1 when they differ or nothing is expected, 2 when there is nothing to compare.
 * `compute(data)`: by output, the rows that are expected. `tableOf`: of an output that is changes, the rows that they make.
 */
export function verifyOutputs(verifier, compute, tableOf = (rows) => rows) {
  try {
    const { values } = parseArgs({
      options: {
        out: { type: 'string', default: 'out' },
        data: { type: 'string', default: fileURLToPath(new URL('data', verifier)) },
      },
    });
    let isEqual = true;
    for (const [output, rows] of Object.entries(compute(values.data))) {
      const written = linesOf(tableOf(readRows(join(values.out, output))));
      const expected = linesOf(rows);
      console.log(`${output}: ${written.length} rows, ${expected.length} expected`);
      isEqual &&= expected.length > 0 && JSON.stringify(written) === JSON.stringify(expected);
    }
    console.log(isEqual ? 'The output is equal to the reference.' : 'The output differs from the reference.');
    process.exitCode = isEqual ? 0 : 1;
  } catch (error) {
    console.error(`Cannot compare: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = 2;
  }
}

/** Of the visible files in a directory. */
function readRows(directory) {
  if (!existsSync(directory)) throw new Error(`${directory} is not there; run the job first`);
  return readdirSync(directory)
    .filter((name) => !name.startsWith('.'))
    .flatMap((name) => readFileSync(join(directory, name), 'utf8').split('\n'))
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
}

function linesOf(rows) {
  return rows.map((row) => JSON.stringify(row)).sort();
}
