// The main job as the simulator runs it: its own file, over a small excerpt of its data.
import { readFileSync } from 'node:fs';
import { linesOf, type SimulatedJob, type SimWorld } from '@millrace/testing';
import job from '../../examples/flight-delays/job.ts';
import { computeExpected } from './reference.ts';

const BASE = '/job';
const FLIGHT_COUNT = 360;

/** `data` is the directory of the excerpt. */
export function flightDelays(data: URL): SimulatedJob {
  const expected = computeExpected(data);
  const read = (name: string): Uint8Array => new Uint8Array(readFileSync(new URL(name, data)));
  return {
    jobOf: () => job,
    isBounded: true,
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
    expected: new Map(Object.entries(expected)),
    outputs: ({ files, printed }) =>
      new Map([
        ['hourly', linesOf(files(`${BASE}/out/hourly`))],
        ['top', linesOf(files(`${BASE}/out/top`))],
        ['printed', printed.map(({ text }) => text)],
      ]),
  };
}
