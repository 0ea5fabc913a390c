// Makes the example's data: prices of three symbols over an hour, out of order by up to 5 s, and rules. The same each time.
import { writeFileSync } from 'node:fs';

const START = Date.UTC(2026, 2, 2, 14);
const MINUTE_MS = 60_000;

let seed = 11;
/** Mulberry32: uniform in [0, 1). */
function random() {
  seed = (seed + 0x6d2b79f5) | 0;
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
}

const ticks = [];
for (const symbol of ['ABC', 'KLM', 'XYZ']) {
  let price = 100;
  for (let index = 0; index < 240; index++) {
    price = Math.max(5, price + Math.round((random() - 0.5) * 8));
    ticks.push({ symbol, price, at: START + index * 15_000 + Math.floor(random() * 9_000) });
  }
}
const lines = ticks
  .map((tick) => ({ tick, arrivedAt: tick.at + random() * 5_000 }))
  .sort((a, b) => a.arrivedAt - b.arrivedAt)
  .map(({ tick }) => `${JSON.stringify(tick)}\n`);
writeFileSync(new URL('data/ticks.jsonl', import.meta.url), lines.join(''));

const lastOf = (step, change = {}) => ({ of: step, take: 'last', field: 'price', ...change });
/** Falls at least twice in a row, then rises at least twice in a row, by `least` in all. */
const vShape = (least) => ({
  steps: [
    { name: 'top' },
    {
      name: 'down',
      contiguity: 'next',
      times: { atLeast: 2 },
      consecutive: true,
      where: {
        all: [
          { field: 'price', op: '<', than: lastOf('top') },
          {
            any: [
              { reference: { of: 'down', take: 'count' }, op: '==', value: 0 },
              { field: 'price', op: '<', than: lastOf('down') },
            ],
          },
        ],
      },
    },
    { name: 'turn', contiguity: 'next', where: { field: 'price', op: '>', than: lastOf('down') } },
    {
      name: 'up',
      contiguity: 'next',
      where: {
        all: [
          { field: 'price', op: '>', than: lastOf('turn') },
          { field: 'price', op: '>=', than: lastOf('down', { plus: least }) },
        ],
      },
    },
  ],
  within: '5 minutes',
  afterMatch: 'skipPastLastEvent',
});
const crash = {
  steps: [
    { name: 'before' },
    {
      name: 'after',
      contiguity: 'next',
      where: { field: 'price', op: '<', than: lastOf('before', { times: 0.96 }) },
    },
  ],
  within: '1 minute',
};
const rules = [
  { at: START, rule: 'v-shape', pattern: vShape(4) },
  { at: START + 10 * MINUTE_MS, rule: 'crash', pattern: crash },
  { at: START + 30 * MINUTE_MS, rule: 'v-shape', pattern: vShape(8) },
  { at: START + 45 * MINUTE_MS, rule: 'crash', pattern: null },
];
writeFileSync(
  new URL('data/rules.jsonl', import.meta.url),
  rules.map((rule) => `${JSON.stringify(rule)}\n`).join(''),
);
