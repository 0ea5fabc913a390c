// The same answers with plain loops and nothing of Millrace's. The rules are written out here once more, as loops.
import { readFileSync } from 'node:fs';

const MINUTE_MS = 60_000;

/** Signals for the data in a directory. */
export function computeSignals(data) {
  const ticks = readFileSync(`${data}/ticks.jsonl`, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))
    .sort((a, b) => a.at - b.at);
  const start = Date.UTC(2026, 2, 2, 14);
  const signals = [];
  for (const symbol of new Set(ticks.map((tick) => tick.symbol))) {
    const own = ticks.filter((tick) => tick.symbol === symbol);
    const v = (version, least, from, until) =>
      signals.push(...vShapes(own, { symbol, version, least, from, until }));
    v(1, 4, start, start + 30 * MINUTE_MS);
    v(2, 8, start + 30 * MINUTE_MS, Infinity);
    signals.push(...crashes(own, symbol, start + 10 * MINUTE_MS, start + 45 * MINUTE_MS));
  }
  return signals;
}

/** A version starts matches in [from, until); no tick is in two of them, and the first to start goes first. */
function vShapes(ticks, { symbol, version, least, from, until }) {
  const found = [];
  let next = 0;
  for (let top = 0; top < ticks.length; top++) {
    if (top < next || ticks[top].at < from || ticks[top].at >= until) continue;
    const end = vShapeEnd(ticks, top, least);
    if (end === undefined) continue;
    next = end + 1;
    const prices = ticks.slice(top, end + 1).map((tick) => tick.price);
    found.push({ rule: 'v-shape', version, symbol, prices, at: ticks[end].at });
  }
  return found;
}

/** The last tick of a V that starts at `top`. */
function vShapeEnd(ticks, top, least) {
  let low = top + 1;
  while (ticks[low] !== undefined && ticks[low].price < ticks[low - 1].price) low++;
  const turn = low;
  const up = low + 1;
  if (turn - top - 1 < 2 || ticks[up] === undefined) return undefined;
  const bottom = ticks[turn - 1].price;
  const rises = ticks[turn].price > bottom && ticks[up].price > ticks[turn].price;
  if (!rises || ticks[up].price < bottom + least || ticks[up].at - ticks[top].at >= 5 * MINUTE_MS)
    return undefined;
  return up;
}

function crashes(ticks, symbol, from, until) {
  return ticks.flatMap((before, index) => {
    const after = ticks[index + 1];
    if (before.at < from || before.at >= until || after === undefined) return [];
    if (after.price >= before.price * 0.96 || after.at - before.at >= MINUTE_MS) return [];
    return [{ rule: 'crash', version: 1, symbol, prices: [before.price, after.price], at: after.at }];
  });
}
