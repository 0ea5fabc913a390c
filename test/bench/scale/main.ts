// `npm run bench -- scale`: how the engine grows with slots, processes, keys, subtasks and time.
import { parseArgs } from 'node:util';
import { numberOption } from '../number-option.ts';
import { partsOf, type Part, type PartRow } from '../parts.ts';
import { measureKeys } from './keys.ts';
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
      'keys-max': { type: 'string', default: '10_000_000' },
      minutes: { type: 'string', default: '60' },
      json: { type: 'boolean', default: false },
    },
  });
  const options = {
    keysMax: numberOption('keys-max', values['keys-max']),
    minutes: numberOption('minutes', values.minutes),
  };
  const parts: Readonly<Record<string, Part<ScaleOptions>>> = SCALE_PARTS;
  for (const name of partsOf(values.part, parts, ON_REQUEST)) {
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
