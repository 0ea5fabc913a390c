// `npm run bench -- scale`: how the engine grows with slots, processes, keys, subtasks and time.
import { parseArgs } from 'node:util';
import { MillraceError } from '@millrace/common';
import { measureKeys } from './keys.ts';
import { measureSlots } from './slots.ts';
import { measureSteady } from './steady.ts';
import { measureSubtasks } from './subtasks.ts';

const PARTS = ['slots', 'processes', 'keys', 'subtasks'];

/** A row, as one object a line has it, and as text. */
type Row = { readonly part: string } & Readonly<Record<string, unknown>>;

/** Returns the exit code. `steady` runs only when it is asked for. */
export async function main(argv: string[]): Promise<number> {
  const { values } = parseArgs({
    args: argv,
    options: {
      part: { type: 'string' },
      'keys-max': { type: 'string', default: '10_000_000' },
      minutes: { type: 'string', default: '60' },
      json: { type: 'boolean', default: false },
    },
  });
  const number = (text: string): number => Number(text.replaceAll('_', ''));
  for (const part of values.part?.split(',') ?? PARTS) {
    const rows = rowsOf(part, { keysMax: number(values['keys-max']), minutes: number(values.minutes) });
    for await (const row of rows)
      process.stdout.write(`${values.json ? JSON.stringify(row) : textOf(row)}\n`);
  }
  return 0;
}

/** Rows of a part, as they are known. @throws {MillraceError} MR_USAGE for a part that does not exist */
export async function* rowsOf(
  part: string,
  of: { readonly keysMax: number; readonly minutes: number },
): AsyncGenerator<Row> {
  switch (part) {
    case 'slots':
    case 'processes':
      for await (const row of measureSlots(part)) yield { ...row };
      return;
    case 'keys':
      for await (const row of measureKeys(of)) yield { ...row };
      return;
    case 'subtasks':
      for await (const row of measureSubtasks({})) yield { ...row };
      return;
    case 'steady':
      yield { ...(await measureSteady(of)) };
      return;
    default:
      throw new MillraceError(
        'MR_USAGE',
        `No part is called ${part}: there are ${PARTS.join(', ')} and steady`,
      );
  }
}

function textOf({ part, ...fields }: Row): string {
  const shown = Object.entries(fields).flatMap(([name, value]) => {
    if (Array.isArray(value)) return [];
    return [`${name} ${typeof value === 'number' ? digits(value) : String(value)}`];
  });
  return `${part}: ${shown.join(', ')}`;
}

function digits(value: number): string {
  if (Number.isInteger(value)) return value.toLocaleString('en');
  return value >= 1_000 ? Math.round(value).toLocaleString('en') : value.toPrecision(3);
}
