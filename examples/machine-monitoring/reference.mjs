// The same answers with plain loops and nothing of Millrace's.
import { readFileSync } from 'node:fs';

const pairsOf = (list) => list.slice(1).map((second, index) => [list[index], second]);

/** What the job writes: `{ alerts, silences }`, for the data in a directory. */
export function computeAlerts(data) {
  const readings = readFileSync(`${data}/readings.jsonl`, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))
    .sort((a, b) => a.at - b.at);
  const alerts = [];
  const silences = [];
  for (const machine of new Set(readings.map((reading) => reading.machine))) {
    const own = readings.filter((reading) => reading.machine === machine);
    const warnings = pairsOf(own)
      .filter(([a, b]) => a.celsius >= 90 && b.celsius >= 90 && b.at - a.at < 30_000)
      .map(([a, b]) => ({ celsius: (a.celsius + b.celsius) / 2, at: b.at }));
    for (const [before, after] of pairsOf(warnings))
      if (after.celsius > before.celsius && after.at - before.at < 20_000)
        alerts.push({ machine, from: before.celsius, to: after.celsius, at: after.at });
    for (const [index, reading] of own.entries())
      if ((own[index + 1]?.at ?? Infinity) - reading.at >= 60_000)
        silences.push({ machine, silentSince: reading.at });
  }
  return { alerts, silences };
}
