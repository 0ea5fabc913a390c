// Makes the example's data: readings of eight machines over half an hour, out of order by up to 30 s. The same each time.
import { writeFileSync } from 'node:fs';

const START = Date.UTC(2026, 2, 1);
const MACHINES = 8;
const READINGS = 180;
const EVERY_MS = 10_000;

let seed = 3;
/** Mulberry32: uniform in [0, 1). */
function random() {
  seed = (seed + 0x6d2b79f5) | 0;
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
}

const readings = [];
for (let number = 0; number < MACHINES; number++) {
  let celsius = 65;
  let silentFor = 0;
  for (let index = 0; index < READINGS; index++) {
    celsius = Math.max(50, Math.min(105, celsius + (random() - 0.48) * 8));
    if (silentFor > 0) silentFor--;
    else if (random() < 0.01) silentFor = Math.floor(random() * 12);
    else
      readings.push({
        machine: `rack-${number}`,
        celsius: Math.round(celsius * 2) / 2,
        at: START + index * EVERY_MS + Math.floor(random() * 1_000),
      });
  }
}
const lines = readings
  .map((reading) => ({ reading, arrivedAt: reading.at + random() * 30_000 }))
  .sort((a, b) => a.arrivedAt - b.arrivedAt)
  .map(({ reading }) => `${JSON.stringify(reading)}\n`);
writeFileSync(new URL('data/readings.jsonl', import.meta.url), lines.join(''));
