// What the main job must give for the simulation's input, by plain loops over the rows. Knows nothing of the engine.
import { readFileSync } from 'node:fs';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const LATE_MINUTES = 15;
const WORST_COUNT = 10;

interface Total {
  readonly origin: string;
  readonly startMs: number;
  flights: number;
  totalDelay: number;
  maxDelay: number;
  late: number;
}

/** Output lines as a sorted multiset: JSON with its fields in the order of the job's. */
export interface Expected {
  readonly hourly: readonly string[];
  readonly top: readonly string[];
  readonly printed: readonly string[];
}

export function computeExpected(data: URL): Expected {
  const places = new Map(
    readRows(new URL('airports.csv', data)).map(([iata = '', , city, state]) => [iata, { city, state }]),
  );
  const placeOf = (origin: string) => places.get(origin) ?? { city: null, state: null };
  const hours = new Map<string, Total>();
  const days = new Map<string, Total>();
  const totals = new Map<string, Total>();
  for (const [date, delayText, origin = ''] of readRows(new URL('flights.csv', data))) {
    const [ms, delay] = [Number(date), Number(delayText)];
    const hourMs = Math.floor(ms / HOUR_MS) * HOUR_MS;
    const dayMs = Math.floor(ms / DAY_MS) * DAY_MS;
    count(hours, { origin, startMs: hourMs }, delay);
    count(days, { origin, startMs: dayMs }, delay);
    count(totals, { origin, startMs: 0 }, delay);
  }
  const iso = (ms: number): string => new Date(ms).toISOString();
  const hourly = [...hours.values()].map(({ origin, startMs, flights, totalDelay, maxDelay, late }) => ({
    origin,
    ...placeOf(origin),
    windowStart: iso(startMs),
    windowEnd: iso(startMs + HOUR_MS),
    flights,
    meanDelay: totalDelay / flights,
    maxDelay,
    lateShare: late / flights,
  }));
  const starts = [...new Set([...days.values()].map(({ startMs }) => startMs))];
  const top = starts.flatMap((startMs) =>
    worstOf([...days.values()].filter((total) => total.startMs === startMs)).map(
      ({ origin, flights, totalDelay }, index) => ({
        day: iso(startMs).slice(0, 10),
        rank: index + 1,
        origin,
        ...placeOf(origin),
        flights,
        totalDelay,
        meanDelay: totalDelay / flights,
      }),
    ),
  );
  const printed = worstOf([...totals.values()]).map(({ origin, flights, totalDelay }, index) => ({
    rank: index + 1,
    origin,
    ...placeOf(origin),
    flights,
    'total delay (min)': totalDelay,
    'mean delay (min)': (totalDelay / flights).toFixed(1),
  }));
  const lines = (rows: readonly object[]): string[] => rows.map((row) => JSON.stringify(row)).sort();
  return { hourly: lines(hourly), top: lines(top), printed: lines(printed) };
}

function count(
  totals: Map<string, Total>,
  of: { readonly origin: string; readonly startMs: number },
  delay: number,
): void {
  const key = `${of.origin} ${of.startMs}`;
  const total = totals.get(key) ?? { ...of, flights: 0, totalDelay: 0, maxDelay: -Infinity, late: 0 };
  totals.set(key, total);
  total.flights += 1;
  total.totalDelay += delay;
  total.maxDelay = Math.max(total.maxDelay, delay);
  if (delay > LATE_MINUTES) total.late += 1;
}

function worstOf(totals: readonly Total[]): readonly Total[] {
  return [...totals]
    .sort((a, b) => b.totalDelay - a.totalDelay || (a.origin < b.origin ? -1 : 1))
    .slice(0, WORST_COUNT);
}

/** Fields of the rows behind the header; a quoted field may have commas. */
function readRows(file: URL): readonly (readonly string[])[] {
  return readFileSync(file, 'utf8')
    .trim()
    .split('\n')
    .slice(1)
    .map((row) =>
      [...row.matchAll(/("(?:[^"])*"|[^,]*)(?:,|$)/gu)].map(([, field = '']) => field.replaceAll('"', '')),
    );
}
