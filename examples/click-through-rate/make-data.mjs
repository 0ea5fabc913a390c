// Makes the example's data: impressions and clicks of six hours, out of order by up to a minute. The same each time.
import { writeFileSync } from 'node:fs';

const DAY = Date.UTC(2026, 2, 1);
const HOURS = 6;
const CAMPAIGNS = [
  { campaign: 'boots', perHour: 60, rate: 0.3 },
  { campaign: 'kites', perHour: 40, rate: 0.1 },
  { campaign: 'lamps', perHour: 25, rate: 0.05 },
];
const MINUTE_MS = 60_000;

let seed = 42;
/** Mulberry32: uniform in [0, 1). */
function random() {
  seed = (seed + 0x6d2b79f5) | 0;
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
}

const impressions = [];
const clicks = [];
for (const { campaign, perHour, rate } of CAMPAIGNS) {
  for (let number = 0; number < perHour * HOURS; number++) {
    const at = DAY + Math.floor(random() * HOURS * 60) * MINUTE_MS + Math.floor(random() * MINUTE_MS);
    const id = `${campaign}-${number}`;
    impressions.push({ id, campaign, at });
    // Most clicks come within five minutes, some so late that they do not count.
    if (random() < rate) clicks.push({ impression: id, at: at + Math.floor(random() * 13 * MINUTE_MS) });
  }
}
/** As they arrive: up to a minute after they happened. */
const arrived = (records) =>
  records
    .map((record) => ({ record, arrivedAt: record.at + random() * MINUTE_MS }))
    .sort((a, b) => a.arrivedAt - b.arrivedAt)
    .map(({ record }) => `${JSON.stringify(record)}\n`)
    .join('');

writeFileSync(new URL('data/impressions.jsonl', import.meta.url), arrived(impressions));
writeFileSync(new URL('data/clicks.jsonl', import.meta.url), arrived(clicks));
