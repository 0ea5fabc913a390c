// Writes Nexmark's events to a file that other engines read.
//
//   node examples/nexmark/write-events.mjs --out events.jsonl|events.parquet [--events n] [--eventRate r] [--seed s] [--disorder g]
import { parseArgs } from 'node:util';
import { writeEventFile } from './event-file.mjs';

const TEXT = { type: 'string' };
const NUMBERS = ['events', 'eventRate', 'seed', 'disorder'];

/** `--seed -5` as `--seed=-5`: else the number would be taken for an option. */
const args = process.argv.slice(2);
for (let index = args.length - 1; index > 0; index--)
  if (/^-\d/.test(args[index]) && /^--[a-zA-Z]+$/.test(args[index - 1]))
    args.splice(index - 1, 2, `${args[index - 1]}=${args[index]}`);

try {
  const { values } = parseArgs({
    args,
    options: { out: TEXT, ...Object.fromEntries(NUMBERS.map((name) => [name, TEXT])) },
  });
  const { out = '' } = values;
  if (!/\.(jsonl|parquet)$/.test(out))
    throw new Error('Name the file: --out events.jsonl, or --out events.parquet');
  const given = NUMBERS.filter((name) => values[name] !== undefined);
  const numbers = given.map((name) => [name, Number(values[name].replaceAll('_', ''))]);
  await writeEventFile(out, { events: 1_000_000, ...Object.fromEntries(numbers) });
} catch (error) {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 2;
}
