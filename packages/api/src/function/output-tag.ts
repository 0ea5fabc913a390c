// Names of side outputs, and types as values.
import { MillraceError } from '@millrace/common';
import { describe, invalidOption } from '../options/check-options.ts';

declare const recordType: unique symbol;

/** Names a side output and the type of its records. Two tags of one name are the same output. */
export interface OutputTag<T> {
  readonly name: string;
  readonly [recordType]?: (record: T) => void;
}

/** A type as a value, where there is nothing to infer it from: `emits: type<Alert>()`. */
export interface TypeToken<T> {
  readonly [recordType]?: () => T;
}

/** Returns the type as a value. */
export function type<T>(): TypeToken<T> {
  return Object.freeze({});
}

const RESERVED_PREFIX = 'millrace.';

/**
 * Returns the tag of a side output.
 * @throws {MillraceError} MR_OPTION_INVALID for an empty name, or one that begins with `millrace.`
 */
export function outputTag<T>(name: string): OutputTag<T> {
  if (typeof name !== 'string' || name === '') {
    throw new MillraceError(
      'MR_OPTION_INVALID',
      "Cannot make an output tag without a name: write outputTag<T>('name')",
    );
  }
  if (name.startsWith(RESERVED_PREFIX)) {
    throw new MillraceError(
      'MR_OPTION_INVALID',
      `Cannot make an output tag "${name}": names that begin with "${RESERVED_PREFIX}" are the engine's`,
    );
  }
  return Object.freeze({ name });
}

/** @throws {MillraceError} MR_OPTION_INVALID for what is no tag, such as its name alone */
export function tagName(tag: OutputTag<never>, what: string): string {
  if (typeof tag?.name === 'string') return tag.name;
  throw invalidOption(`Cannot use ${describe(tag)} in ${what}: write outputTag('name')`);
}
