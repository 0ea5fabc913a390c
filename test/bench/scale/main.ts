// `npm run bench -- scale`: how the engine grows with slots, processes, keys, subtasks and time.
import { parseArgs } from 'node:util';
import { MillraceError } from '@millrace/common';
import { refuseIgnored } from '../ignored-options.ts';
import { numberOption } from '../number-option.ts';
import { partsOf, type Part, type PartRow } from '../parts.ts';
import { KEYS_LEAST, measureKeys } from './keys.ts';
import { measureSlots } from './slots.ts';
import { measureSteady } from './steady.ts';
import { measureSubtasks } from './subtasks.ts';

interface ScaleOptions {
  readonly keysMax: number;
  readonly minutes: number;
}

export const SCALE_PARTS = {
  slots: () => measureSlots('slots'),
  processes: () => measureSlots('processes'),
  keys: measureKeys,
  subtasks: measureSubtasks,
  steady: async function* (options: Pick<ScaleOptions, 'minutes'>) {
    yield await measureSteady(options);
  },
} satisfies Readonly<Record<string, Part<ScaleOptions>>>;
const ON_REQUEST: ReadonlySet<string> = new Set(['steady']);

/** Returns the exit code. @throws {MillraceError} MR_USAGE */
export async function main(argv: string[]): Promise<number> {
  const { values } = parseArgs({
    args: argv,
    options: {
      part: { type: 'string' },
      'keys-max': { type: 'string' },
      minutes: { type: 'string' },
      json: { type: 'boolean', default: false },
    },
  });
  const parts: Readonly<Record<string, Part<ScaleOptions>>> = SCALE_PARTS;
  const names = partsOf(values.part, parts, ON_REQUEST);
  if (!names.includes('keys')) refuseIgnored(values, ['keys-max'], 'without the part keys');
  if (!names.includes('steady')) refuseIgnored(values, ['minutes'], 'without the part steady');
  const options = {
    keysMax: numberOption('keys-max', values['keys-max'] ?? '10_000_000'),
    minutes: numberOption('minutes', values.minutes ?? '60'),
  };
  if (options.keysMax < KEYS_LEAST)
    throw new MillraceError(
      'MR_USAGE',
      `Cannot use ${options.keysMax} as --keys-max: the fewest keys are ${KEYS_LEAST}`,
    );
  for (const name of names) {
    for await (const row of parts[name]?.(options) ?? [])
      process.stdout.write(`${values.json ? JSON.stringify(row) : textOf(row)}\n`);
  }
  return 0;
}

function textOf({ part, ...fields }: PartRow): string {
  const shown = Object.entries(fields as Readonly<Record<string, unknown>>).flatMap(([name, value]) => {
    if (Array.isArray(value)) return [];
    return [`${name} ${typeof value === 'number' ? digits(value) : String(value)}`];
  });
  return `${part}: ${shown.join(', ')}`;
}

function digits(value: number): string {
  if (Number.isInteger(value)) return value.toLocaleString('en');
  return value >= 1_000 ? Math.round(value).toLocaleString('en') : value.toPrecision(3);
}
