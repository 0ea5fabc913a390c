// Options that mean nothing beside others, or without them: refused, since a figure would not be what was asked for.
import { MillraceError } from '@millrace/common';

/** Options as `parseArgs` gives them: undefined or false where they were not given. */
type Given = Readonly<Record<string, string | boolean | undefined>>;

/** @throws {MillraceError} MR_USAGE when one of `names` is given; `why` stands behind its name */
export function refuseIgnored(given: Given, names: readonly string[], why: string): void {
  const name = names.find((each) => given[each] !== undefined && given[each] !== false);
  if (name !== undefined) throw new MillraceError('MR_USAGE', `Cannot use --${name} ${why}`);
}
