// Map, filter, map, filter, forEach of six jobs beside loops: the same functions called by a loop a job, and what they do written out.
import type { SourceBatch } from '@millrace/api';
import { M_RECORDS } from '../bid-batches.ts';
import { CHAIN_JOBS, seen, type ChainJob } from '../chain-jobs.ts';
import { BATCH_ROWS, BATCHES, openChains, runGenerated, type LoadedChain } from '../chain.bench.ts';
import type { BareComparison, Outcome } from './bare-comparison.ts';

const ROWS = BATCH_ROWS * BATCHES;
const UNITS = ROWS * CHAIN_JOBS.length;

export async function chainComparisons(): Promise<readonly BareComparison[]> {
  const drivers = CHAIN_JOBS.map(driverOf);
  const columns = CHAIN_JOBS.map(columnsOf);
  const byRecord = await openChains();
  const byColumn = (await openChains()).map(({ chain }, job) => ({
    chain,
    batches: batchesOf(columns[job] as Columns),
  }));
  return [
    {
      ...M_RECORDS,
      what: 'map, filter, map, filter, forEach, six jobs',
      loop: 'a loop a job, of a text of its own, that calls the functions',
      engine: 'the generated loops',
      runLoop: () => outcome(() => drivers.forEach((driver) => driver(0, ROWS))),
      runEngine: () => outcome(() => void runGenerated(byRecord)),
    },
    {
      ...M_RECORDS,
      what: 'the same over columns of numbers',
      loop: 'typed arrays, what the functions do written out by hand, no objects',
      engine: 'the generated loops over batches of columns',
      runLoop: () => {
        const sums = COLUMN_LOOPS.map((loop, job) => loop(columns[job]?.values ?? []));
        return { units: UNITS, result: sums.reduce((total, sum) => total + sum, 0) };
      },
      runEngine: () => outcome(() => runColumns(byColumn)),
    },
  ];
}

/** The result is what the jobs' last functions add up meanwhile. */
function outcome(run: () => void): Outcome {
  for (const name of Object.keys(seen) as (keyof typeof seen)[]) seen[name] = 0;
  run();
  return { units: UNITS, result: Object.values(seen).reduce((total, sum) => total + sum, 0) };
}

type Driver = (from: number, to: number) => void;

function driverOf(
  { recordAt, first, firstFilter, second, secondFilter, last }: ChainJob,
  job: number,
): Driver {
  // oxlint-disable-next-line typescript/no-implied-eval -- of another text for each job: of one text, they would share what V8 knows of their calls
  const make = new Function(
    'recordAt, first, firstFilter, second, secondFilter, last',
    `// bare loop ${job}
return (from, to) => {
  for (let index = from; index < to; index++) {
    const one = first(recordAt(index));
    if (!firstFilter(one)) continue;
    const two = second(one);
    if (secondFilter(two)) last(two);
  }
};`,
  ) as (...functions: unknown[]) => Driver;
  return make(recordAt, first, firstFilter, second, secondFilter, last);
}

interface Columns {
  readonly names: readonly string[];
  readonly values: readonly Float64Array[];
}

function columnsOf({ recordAt }: ChainJob): Columns {
  const names = Object.keys(recordAt(0) as object);
  const values = names.map((name) =>
    Float64Array.from({ length: ROWS }, (_, index) => (recordAt(index) as Record<string, number>)[name] ?? 0),
  );
  return { names, values };
}

function batchesOf({ names, values }: Columns): readonly SourceBatch<unknown>[] {
  return Array.from({ length: BATCHES }, (_, batch) => ({
    kind: 'columns',
    position: null,
    rowCount: BATCH_ROWS,
    columns: names.map((name, column) => ({
      name,
      values: (values[column] as Float64Array).subarray(batch * BATCH_ROWS, (batch + 1) * BATCH_ROWS),
    })),
  }));
}

function runColumns(
  jobs: readonly (Pick<LoadedChain, 'chain'> & { readonly batches: readonly SourceBatch<unknown>[] })[],
): void {
  for (const { chain, batches } of jobs) for (const batch of batches) chain.processSource(batch, 'bench');
}

type ColumnLoop = (columns: readonly Float64Array[]) => number;

/** What the functions of `CHAIN_JOBS` do, in their order. */
const COLUMN_LOOPS: readonly ColumnLoop[] = [
  ([auction = EMPTY, price = EMPTY]) => {
    let sum = 0;
    for (let row = 0; row < auction.length; row++) {
      if (auction[row] === 7) continue;
      const cents = (price[row] as number) * 0.9 * 100;
      if (cents > 10) sum += cents;
    }
    return sum;
  },
  ([user = EMPTY, , ms = EMPTY]) => {
    let sum = 0;
    for (let row = 0; row < user.length; row++) {
      if (user[row] === 3) continue;
      const minutes = (ms[row] as number) / 1000 / 60;
      if (minutes < 1e6) sum += minutes;
    }
    return sum;
  },
  ([, items = EMPTY, total = EMPTY]) => {
    let sum = 0;
    for (let row = 0; row < items.length; row++) {
      const count = items[row] as number;
      if (count <= 0) continue;
      const perItem = ((total[row] as number) * 0.2) / count;
      if (perItem > 1) sum += perItem;
    }
    return sum;
  },
  ([, km = EMPTY]) => {
    let sum = 0;
    for (let row = 0; row < km.length; row++) {
      const miles = (km[row] as number) * 0.621;
      if (miles <= 0.1) continue;
      const fare = 2 + miles * 1.5;
      if (fare > 3) sum += fare;
    }
    return sum;
  },
  ([sensor = EMPTY, celsius = EMPTY]) => {
    let sum = 0;
    for (let row = 0; row < sensor.length; row++) {
      if (sensor[row] === 30) continue;
      const excess = (celsius[row] as number) * 1.8 + 32 - 30;
      if (excess > 0) sum += excess;
    }
    return sum;
  },
  ([bid = EMPTY, ask = EMPTY, lots = EMPTY]) => {
    let sum = 0;
    for (let row = 0; row < bid.length; row++) {
      const count = lots[row] as number;
      if (count <= 0) continue;
      const notional = (((bid[row] as number) + (ask[row] as number)) / 2) * count;
      if (notional > 50) sum += notional;
    }
    return sum;
  },
];

const EMPTY = new Float64Array();
