// The same rates by plain loops over the whole data, with nothing of Millrace's.
import { readFileSync } from 'node:fs';

const HOUR_MS = 3_600_000;
const CLICK_WITHIN_MS = 600_000;

function readLines(path) {
  return readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
}

/** Returns `{ campaign, hour, impressions, clicks, rate }` for each campaign and hour, in no order. */
export function computeRates(directory) {
  const clickTimes = new Map();
  for (const { impression, at } of readLines(`${directory}/clicks.jsonl`)) clickTimes.set(impression, at);
  const rates = new Map();
  for (const { id, campaign, at } of readLines(`${directory}/impressions.jsonl`)) {
    const hour = new Date(Math.floor(at / HOUR_MS) * HOUR_MS).toISOString();
    const key = `${campaign} ${hour}`;
    if (!rates.has(key)) rates.set(key, { campaign, hour, impressions: 0, clicks: 0, rate: 0 });
    const rate = rates.get(key);
    rate.impressions++;
    const clickedAt = clickTimes.get(id);
    if (clickedAt !== undefined && clickedAt >= at && clickedAt <= at + CLICK_WITHIN_MS) rate.clicks++;
    rate.rate = rate.clicks / rate.impressions;
  }
  return [...rates.values()];
}
