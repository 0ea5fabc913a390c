// Writes Nexmark's events to a file that other engines read: `--help` lists the options.
import { parseArgs } from 'node:util';
import { writeEventFile } from './event-file.mjs';

const USAGE = `Writes Nexmark's events to a file that other engines read: JSON lines or Parquet, one object an event.

Usage: node examples/nexmark/write-events.mjs --out events.jsonl|events.parquet [options]

  --out file      the file, whose ending says the format
  --events n      how many (default: 1,000,000)
  --eventRate r   events in a second of event time (default: 10,000,000)
  --seed s        another seed, other events: a whole number of 32 bits (default: 1)
  --disorder g    events are shuffled in groups of so many (default: 1, in order)
  --help, -h      this
`;

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
    options: {
      help: { type: 'boolean', short: 'h' },
      out: TEXT,
      ...Object.fromEntries(NUMBERS.map((name) => [name, TEXT])),
    },
  });
  if (values.help) {
    process.stdout.write(USAGE);
    process.exit();
  }
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
