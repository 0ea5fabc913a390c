// On a machine that is shared a single comparison may fall into a slow phase of it, which is not the same for both.

/** A comparison; `ratio` undefined: there was nothing to compare with. */
interface Compared {
  readonly ratio?: number;
}

/** All ratios, in the order of their pairs, where there were several. */
export interface Ratios {
  readonly ratios?: readonly number[];
}

/**
 * Compares so many times, one after the other, and returns the comparison with the median ratio (of an even number the lower one), with all ratios. Pairs
 * in which one side failed have none.
 */
export async function medianPair<C extends Compared>(
  pairs: number,
  compare: () => Promise<C>,
): Promise<C & Ratios> {
  const all = [await compare()];
  while (all.length < pairs) all.push(await compare());
  const ratios = all.map(({ ratio }) => ratio).filter((ratio) => ratio !== undefined);
  const median = ratios.toSorted((a, b) => a - b)[(ratios.length - 1) >> 1];
  const found = all.find(({ ratio }) => ratio === median) as C;
  return ratios.length > 1 ? { ...found, ratios } : found;
}
