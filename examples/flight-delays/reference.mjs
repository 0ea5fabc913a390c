// Computes the job's two outputs with plain loops over the same files, without Millrace: hyparquet reads the rows, a
// `Map` holds the sums. Slow and obvious on purpose.
//
//   node examples/flight-delays/reference.mjs [--input flights-3m.parquet] [--airports airports.csv] [--out reference-out]
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { parquetRead } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';

const DATA = fileURLToPath(new URL('node_modules/vega-datasets/data/', import.meta.url));
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const LATE_MINUTES = 15;
const WORST_COUNT = 10;

/** Calls `onFlight(ms, delay, origin)` for each row of the Parquet file. */
async function forEachFlight(path, onFlight) {
  const bytes = new Uint8Array(readFileSync(path)).buffer;
  const columns = ['date', 'delay', 'origin'];
  await parquetRead({
    file: { byteLength: bytes.byteLength, slice: (start, end) => bytes.slice(start, end) },
    columns,
    compressors,
    rowFormat: 'array',
    onComplete: (rows) => {
      for (const [date, delay, origin] of rows) onFlight(date.getTime(), Number(delay), origin);
    },
  });
}

/** `airports.csv` by code. Its rows are `iata,name,city,state,country,…`; fields with commas are quoted. */
function readAirports(path) {
  const [header, ...rows] = readFileSync(path, 'utf8').trim().split(/\r?\n/u).map(splitCsv);
  const [iata, city, state] = ['iata', 'city', 'state'].map((name) => header.indexOf(name));
  return new Map(rows.map((row) => [row[iata], { city: row[city], state: row[state] }]));
}

function splitCsv(line) {
  const fields = [];
  for (const match of line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/gu))
    fields.push(match[1]?.replaceAll('""', '"') ?? match[2]);
  return fields;
}

/** Returns the rows of `hourly` and `top`, and the ten worst of the whole input. */
export async function computeReference({
  input = join(DATA, 'flights-3m.parquet'),
  airports = join(DATA, 'airports.csv'),
} = {}) {
  const places = readAirports(airports);
  const placeOf = (origin) => places.get(origin) ?? { city: null, state: null };
  const hours = new Map();
  const days = new Map();
  const totals = new Map();
  const totalIn = (map, key, first) => {
    let total = map.get(key);
    if (total === undefined)
      map.set(key, (total = { ...first, flights: 0, totalDelay: 0, maxDelay: -Infinity, late: 0 }));
    return total;
  };
  await forEachFlight(input, (ms, delay, origin) => {
    const hour = Math.floor(ms / HOUR_MS) * HOUR_MS;
    const day = Math.floor(ms / DAY_MS) * DAY_MS;
    for (const total of [
      totalIn(hours, `${origin} ${hour}`, { origin, start: hour }),
      totalIn(days, `${origin} ${day}`, { origin, start: day }),
      totalIn(totals, origin, { origin, start: 0 }),
    ]) {
      total.flights += 1;
      total.totalDelay += delay;
      total.maxDelay = Math.max(total.maxDelay, delay);
      if (delay > LATE_MINUTES) total.late += 1;
    }
  });
  const iso = (ms) => new Date(ms).toISOString();
  const hourly = [...hours.values()].map(({ origin, start, flights, totalDelay, maxDelay, late }) => ({
    origin,
    ...placeOf(origin),
    windowStart: iso(start),
    windowEnd: iso(start + HOUR_MS),
    flights,
    meanDelay: totalDelay / flights,
    maxDelay,
    lateShare: late / flights,
  }));
  const byDay = Map.groupBy?.([...days.values()], ({ start }) => start) ?? groupByStart([...days.values()]);
  const top = [...byDay].flatMap(([start, ofDay]) =>
    worstOf(ofDay).map(({ origin, flights, totalDelay }, index) => ({
      day: iso(start).slice(0, 10),
      rank: index + 1,
      origin,
      ...placeOf(origin),
      flights,
      totalDelay,
      meanDelay: totalDelay / flights,
    })),
  );
  const worst = worstOf([...totals.values()]).map(({ origin, flights, totalDelay }) => ({
    origin,
    ...placeOf(origin),
    flights,
    totalDelay,
  }));
  return { hourly, top, worst };
}

function groupByStart(rows) {
  const groups = new Map();
  for (const row of rows) {
    if (!groups.has(row.start)) groups.set(row.start, []);
    groups.get(row.start).push(row);
  }
  return groups;
}

function worstOf(rows) {
  return rows
    .sort((a, b) => b.totalDelay - a.totalDelay || (a.origin < b.origin ? -1 : 1))
    .slice(0, WORST_COUNT);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({
    options: {
      input: { type: 'string' },
      airports: { type: 'string' },
      out: { type: 'string', default: 'reference-out' },
    },
  });
  const { out, ...files } = values;
  const { hourly, top, worst } = await computeReference(files);
  for (const [name, rows] of Object.entries({ hourly, top })) {
    mkdirSync(join(out, name), { recursive: true });
    writeFileSync(join(out, name, 'reference.jsonl'), rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  }
  console.table(worst);
  console.log(`${hourly.length} hours and ${top.length} rows of days written below ${out}`);
}
