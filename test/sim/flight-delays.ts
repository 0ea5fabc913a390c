// The main job as the simulator runs it: its own file, over a small excerpt of its data.
import { readFileSync } from 'node:fs';
import type { SimulatedJob, SimWorld } from '@millrace/testing';
import job from '../../examples/flight-delays/job.ts';
import { computeExpected } from './reference.ts';

const BASE = '/job';
const FLIGHT_COUNT = 360;
/** Differences shown. */
const SHOWN_MAX = 3;

/** `data` is the directory of the excerpt. */
export function flightDelays(data: URL): SimulatedJob {
  const expected = computeExpected(data);
  const read = (name: string): Uint8Array => new Uint8Array(readFileSync(new URL(name, data)));
  return {
    job,
    submissionOf: (world: SimWorld) => ({
      args: [],
      params: {
        input: 'flights.parquet',
        airports: 'airports.csv',
        out: 'out',
        ratePerSecond: world.inputMs === 0 ? '0' : String((FLIGHT_COUNT * 1_000) / world.inputMs),
      },
      environment: {},
      baseDirectory: BASE,
    }),
    files: new Map([
      [`${BASE}/flights.parquet`, read('flights.parquet')],
      [`${BASE}/airports.csv`, read('airports.csv')],
    ]),
    check: ({ read: filesOf, printed }) => [
      ...differences('out/hourly', expected.hourly, linesOf(filesOf(`${BASE}/out/hourly`))),
      ...differences('out/top', expected.top, linesOf(filesOf(`${BASE}/out/top`))),
      ...differences('the printed table', expected.printed, printed.map(({ text }) => text).sort()),
    ],
  };
}

/** Lines of all files that a reader would take for output. */
function linesOf(files: ReadonlyMap<string, Uint8Array>): string[] {
  const lines: string[] = [];
  for (const [name, bytes] of files) {
    if (name.startsWith('.')) continue;
    const text = Buffer.from(bytes).toString('utf8');
    lines.push(...text.split('\n').slice(0, -1));
    if (!text.endsWith('\n')) lines.push(`${name} is not whole`);
  }
  return lines.sort();
}

function differences(
  where: string,
  expected: readonly string[],
  found: readonly string[],
): readonly string[] {
  const counts = new Map<string, number>();
  for (const line of expected) counts.set(line, (counts.get(line) ?? 0) + 1);
  for (const line of found) counts.set(line, (counts.get(line) ?? 0) - 1);
  const lost = [...counts].filter(([, count]) => count > 0).map(([line]) => line);
  const added = [...counts].filter(([, count]) => count < 0).map(([line]) => line);
  if (lost.length === 0 && added.length === 0) return [];
  return [
    `${where}: ${lost.length} lines lost, ${added.length} lines duplicated or wrong; lost ${lost.slice(0, SHOWN_MAX).join(' ')}; not expected ${added.slice(0, SHOWN_MAX).join(' ')}`,
  ];
}
