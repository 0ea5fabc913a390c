// Benchmarks that consist of parts, each of which gives rows.
import { MillraceError } from '@millrace/common';

/** A line of output; what else it has is the part's own affair. */
export interface PartRow {
  readonly part: string;
}

/** Runs a part; yields its rows as they are known. */
export type Part<Options> = (options: Options) => AsyncIterable<PartRow>;

/**
 * Names of a list with commas; without one, of all parts but those that run only when they are asked for.
 * @throws {MillraceError} MR_USAGE when one does not exist
 */
export function partsOf(
  list: string | undefined,
  parts: { readonly [name: string]: unknown },
  onRequest: ReadonlySet<string>,
): readonly string[] {
  const known = Object.keys(parts);
  const names = list?.split(',').map((name) => name.trim()) ?? known.filter((name) => !onRequest.has(name));
  const unknown = names.filter((name) => !known.includes(name));
  if (unknown.length === 0) return names;
  throw new MillraceError(
    'MR_USAGE',
    `There is no part "${unknown.join(', ')}": they are ${known.join(', ')}`,
  );
}
