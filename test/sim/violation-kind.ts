// Which promises a violation says to be broken: the same words in another run of the same bug.

/** Nothing came to its end; what it says behind that changes from run to run. */
const NO_END = /^(not over|not all is there) \d+ ms after all faults were over/u;
const OUTPUT = /(\d+) lines lost, (\d+) lines duplicated or wrong/u;

/** One at least. */
function kindsOf(violation: string): readonly string[] {
  const [line = ''] = violation.split('\n');
  const noEnd = NO_END.exec(line)?.[1];
  if (noEnd !== undefined) return [noEnd];
  const [, lost, wrong] = OUTPUT.exec(line) ?? [];
  if (lost !== undefined)
    return [...(lost === '0' ? [] : ['lines lost']), ...(wrong === '0' ? [] : ['lines duplicated or wrong'])];
  return [
    line
      .replaceAll(/"[^"]*"/gu, '…')
      .replace(/^vertex .* dropped/u, 'vertex … dropped')
      // How a keeper counts, and whether it had heard of an origin before.
      .replace(/ \((gapless|ordered|once)\)$/u, '')
      .replaceAll(/\bnone\b|\S*\d\S*/gu, '#'),
  ];
}

/** True when some promise is among those of both. */
export function isAlike(some: readonly string[], others: readonly string[]): boolean {
  const kinds = new Set(some.flatMap(kindsOf));
  return others.flatMap(kindsOf).some((kind) => kinds.has(kind));
}
