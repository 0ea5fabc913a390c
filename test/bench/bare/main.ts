// `npm run bench -- bare`: the engine beside bare loops that do the same work, in turns in one run, and how many times as fast these are.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { MillraceError } from '@millrace/common';
import { compareWithLoop, FACTOR_MAX, type BareComparison, type BareRow } from './bare-comparison.ts';
import { bidComparisons } from './bids-by-loops.ts';
import { chainComparisons } from './chains-by-loops.ts';
import { openFrames } from './frames-by-grpc.ts';
import { jobComparisons } from './jobs-by-loops.ts';
import { openCount, openDiskCount, type Opened } from './state-by-loops.ts';

const KEY_COUNTS = [10_000, 1_000_000, 10_000_000];

/** Returns the exit code: 0, also where the engine takes more than twice as long. @throws {MillraceError} MR_USAGE */
export async function main(argv: string[]): Promise<number> {
  const { values } = parseArgs({
    args: argv,
    options: { json: { type: 'boolean', default: false }, rows: { type: 'string', default: '' } },
  });
  let rows = 0;
  for await (const row of bareRows(values.rows)) {
    rows++;
    process.stdout.write(values.json ? `${JSON.stringify(row)}\n` : `${textOf(row)}\n`);
  }
  if (rows > 0) return 0;
  throw new MillraceError(
    'MR_USAGE',
    `Cannot use "${values.rows}" as --rows: no comparison has that in its name`,
  );
}

/** The comparisons with `wanted` in their name, one after the other. */
export async function* bareRows(wanted = ''): AsyncGenerator<BareRow> {
  const isWanted = ({ what }: BareComparison): boolean => what.includes(wanted);
  for (const make of [chainComparisons, bidComparisons, jobComparisons])
    for (const comparison of await make()) if (isWanted(comparison)) yield await compareWithLoop(comparison);
  const directory = await mkdtemp(join(tmpdir(), 'millrace-bare-'));
  try {
    for (const { what, open } of openings(directory)) {
      if (!what.includes(wanted)) continue;
      const opened = await open();
      try {
        yield await compareWithLoop(opened.comparison);
      } finally {
        await opened.close();
      }
    }
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** What takes long to be made is made only if it is wanted. */
function openings(
  directory: string,
): readonly { readonly what: string; readonly open: () => Promise<Opened> }[] {
  return [
    ...KEY_COUNTS.map((keys) => ({
      what: `state alone: a count by ${keys.toLocaleString('en')} keys`,
      open: () => openCount(directory, keys),
    })),
    { what: 'state on disk: a count by 1,000,000 keys', open: () => openDiskCount(directory) },
    { what: 'frames of 32 KiB between two processes', open: openFrames },
  ];
}

function textOf({ what, loop, engine, unit, loopSpeed, engineSpeed, factor, isWithin }: BareRow): string {
  const digits = (value: number): string => value.toFixed(value >= 100 ? 0 : 2);
  const verdict = isWithin ? 'ok' : `BEYOND ${FACTOR_MAX}`;
  return `${what}: ${digits(loopSpeed)} and ${digits(engineSpeed)} ${unit}, factor ${factor.toFixed(2)} ${verdict}\n    loop: ${loop}\n    engine: ${engine}`;
}
