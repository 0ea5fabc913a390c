// What an option is: its names, what values it takes, and how a text becomes such a value. No I/O: the environment is handed in.
import { MillraceError } from '../errors/millrace-error.ts';

/** What values an option takes. */
export type OptionType =
  /** Given or not; in the environment `true` or `false`. */
  | { readonly kind: 'switch' }
  | { readonly kind: 'text' }
  | { readonly kind: 'path' }
  | { readonly kind: 'choice'; readonly choices: readonly string[] }
  /** `from` and `to` inclusive; `word` may stand for a number. */
  | { readonly kind: 'whole-number'; readonly from: number; readonly to?: number; readonly word?: string }
  /** Names with commas between them; on the command line also the option again. */
  | { readonly kind: 'names' }
  /** Comes by environment only, never by command line: that is in the list of processes. Never shown. */
  | { readonly kind: 'secret' };

/** The value of an option after parsing. */
export type OptionValue = string | number | boolean | readonly string[];

/** One row of the table of options. */
export interface OptionEntry {
  /** As on the command line, without dashes: `heartbeat-timeout`. */
  readonly name: string;
  readonly short?: string;
  /** How its value is called in help: `ms`. Absent for switches. */
  readonly placeholder?: string;
  readonly type: OptionType;
  readonly default?: string | number;
  /** What happens without it, where that is no constant. */
  readonly defaultText?: string;
  /** One phrase, without a full stop. */
  readonly help: string;
  /** Verbs that take it, as they are typed; absent: every verb. */
  readonly verbs?: readonly string[];
}

/** The environment variable of an option: `MILLRACE_` and its name, upper-case, with `_` for `-`. */
export function environmentName({ name }: Pick<OptionEntry, 'name'>): string {
  return `MILLRACE_${name.toUpperCase().replaceAll('-', '_')}`;
}

/** How an option is written on the command line: `-m, --jobmanager <host:port>`; undefined for a secret. */
export function flagsOf({ name, short, placeholder, type }: OptionEntry): string | undefined {
  if (type.kind === 'secret') return undefined;
  const value = placeholder === undefined ? '' : ` <${placeholder}>`;
  return `${short === undefined ? '' : `-${short}, `}--${name}${value}`;
}

/** Says in words what values an option takes. */
export function valuesOf({ type }: Pick<OptionEntry, 'type'>): string {
  switch (type.kind) {
    case 'switch':
      return 'true or false';
    case 'choice':
      return type.choices.join(', ');
    case 'whole-number':
      return `a whole number, ${type.to === undefined ? `at least ${type.from}` : `from ${type.from} to ${type.to}`}${type.word === undefined ? '' : `, or ${type.word}`}`;
    case 'names':
      return 'names with commas between them';
    case 'path':
      return 'a path';
    case 'secret':
      return 'a secret';
    case 'text':
      return 'text';
  }
}

/**
 * Returns the value that `text` stands for; a list continues `previous`.
 * @throws {MillraceError} MR_OPTION_INVALID, which does not quote secrets
 */
export function parseOption(
  entry: OptionEntry,
  text: string,
  origin: string,
  previous?: OptionValue,
): OptionValue {
  const { type } = entry;
  switch (type.kind) {
    case 'switch':
      if (['true', '1', 'yes', 'on'].includes(text.toLowerCase())) return true;
      if (['false', '0', 'no', 'off'].includes(text.toLowerCase())) return false;
      throw invalid(entry, text, origin);
    case 'choice':
      if (!type.choices.includes(text)) throw invalid(entry, text, origin);
      return text;
    case 'whole-number': {
      if (text === type.word) return text;
      const value = Number(text);
      const isInRange = Number.isSafeInteger(value) && value >= type.from && value <= (type.to ?? value);
      if (!isInRange || text.trim() === '') throw invalid(entry, text, origin);
      return value;
    }
    case 'names':
      return [
        ...(Array.isArray(previous) ? (previous as readonly string[]) : []),
        ...text
          .split(',')
          .map((name) => name.trim())
          .filter((name) => name !== ''),
      ];
    case 'text':
    case 'path':
    case 'secret':
      return text;
  }
}

function invalid(entry: OptionEntry, text: string, origin: string): MillraceError {
  return new MillraceError('MR_OPTION_INVALID', `Cannot take ${origin}="${text}": it is ${valuesOf(entry)}`, {
    details: { option: entry.name },
  });
}
