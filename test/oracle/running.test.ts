// Running operators over real data give at the end what DuckDB gives for the same data at once.
import { expect, test } from 'vitest';
import {
  asc,
  avg,
  boundedOutOfOrderness,
  count,
  countDistinct,
  defineJob,
  desc,
  fromArray,
  max,
  min,
  sum,
  type DataStream,
} from '@millrace/api';
import { executeJob } from '@millrace/embedded';
import { askDuck, flights, quakes, type Flight, type Quake } from './duck.ts';
import { duckRows, runReplay, type Gathered } from './rows.ts';

const someFlights = flights();
const someQuakes = quakes();
const OUT_OF_ORDER_MS = 8 * 24 * 3_600_000;

const rowsOf = async <T>(
  records: readonly T[],
  timeOf: (record: T) => number,
  operators: (stream: DataStream<T>) => Gathered,
): Promise<readonly string[]> =>
  (await runReplay({ records, timeOf, outOfOrderMs: OUT_OF_ORDER_MS }, operators)).rows;

const ofFlights = (operators: (stream: DataStream<Flight>) => Gathered) =>
  rowsOf(someFlights, ({ at }) => at, operators);
const ofQuakes = (operators: (stream: DataStream<Quake>) => Gathered) =>
  rowsOf(someQuakes, ({ time }) => time, operators);

test('distinct routes are SELECT DISTINCT', async () => {
  const actual = await ofFlights((stream) =>
    stream.map(({ origin, destination }) => ({ origin, destination })).distinct(),
  );
  expect(actual).toEqual(await duckRows('select distinct origin, destination from flights'));
});

test('grouped results, updated flight by flight, are GROUP BY', async () => {
  const actual = await ofFlights((stream) =>
    stream
      .keyBy(({ origin }) => origin)
      .aggregate(
        {
          n: count(),
          late: count(({ delay }: Flight) => delay > 0),
          distance: sum(({ distance }) => distance),
          least: min(({ delay }) => delay),
          greatest: max(({ delay }) => delay),
          mean: avg(({ delay }) => delay),
          destinations: countDistinct(({ destination }) => destination),
        },
        { emit: 'update' },
      ),
  );
  expect(actual).toEqual(
    await duckRows(`
      select origin as key, count(*) as n, count(*) filter (delay > 0) as late, sum(distance)::bigint as distance,
        min(delay) as least, max(delay) as greatest, avg(delay) as mean, count(distinct destination) as destinations
      from flights group by origin`),
  );
});

test('an aggregate of an aggregate is GROUP BY of GROUP BY', async () => {
  const actual = await ofFlights((stream) =>
    stream
      .keyBy(({ origin, destination }) => [origin, destination])
      .aggregate({ n: count(), far: max(({ distance }) => distance) }, { emit: 'update' })
      .keyBy(({ n }) => n)
      .aggregate({ routes: count(), farthest: max(({ far }) => far), nearest: min(({ far }) => far) }),
  );
  expect(actual).toEqual(
    await duckRows(`
      select n as key, count(*) as routes, max(far) as farthest, min(far) as nearest
      from (select count(*) as n, max(distance) as far from flights group by origin, destination) group by n`),
  );
});

test('top-N of flights with ranks is ROW_NUMBER() <= n', async () => {
  const actual = await ofFlights((stream) =>
    stream
      .keyBy(({ origin }) => origin)
      .topN(3, { orderBy: [desc(({ delay }) => delay), asc(({ id }) => id)], rank: 'place' })
      .map(({ origin, id, place }) => ({ origin, id, place })),
  );
  expect(actual).toEqual(
    await duckRows(`
      select origin, id, place from
        (select *, row_number() over (partition by origin order by delay desc, id) as place from flights)
      where place <= 3`),
  );
});

test('top-N of totals, whose rows change, is ROW_NUMBER() over GROUP BY', async () => {
  const actual = await ofFlights((stream) =>
    stream
      .keyBy(({ origin, destination }) => [origin, destination])
      .aggregate({ delay: sum(({ delay }) => delay) }, { emit: 'update' })
      .map(({ key, delay }) => ({ origin: key[0], destination: key[1], delay }))
      .keyBy(({ origin }) => origin)
      .topN(2, { orderBy: [desc(({ delay }) => delay), asc(({ destination }) => destination)] }),
  );
  expect(actual).toEqual(
    await duckRows(`
      select origin, destination, delay from
        (select *, row_number() over (partition by origin order by delay desc, destination) as place from
          (select origin, destination, sum(delay)::bigint as delay from flights group by origin, destination))
      where place <= 2`),
  );
});

test('OVER a day before each earthquake, replayed as they were updated, is RANGE BETWEEN INTERVAL', async () => {
  const actual = await ofQuakes((stream) =>
    stream
      .keyBy(({ net }) => net)
      .over(
        { n: count(), strongest: max(({ mag }: Quake) => mag), mean: avg(({ mag }) => mag) },
        { range: '1 day' },
      )
      .map(({ time, n, strongest, mean }) => ({ time, n, strongest, mean })),
  );
  expect(actual).toEqual(
    await duckRows(`
      select time, count(*) over day as n, max(mag) over day as strongest, avg(mag) over day as mean from quakes
      window day as (partition by net order by time range between 86400000 preceding and current row)`),
  );
});

test('OVER four rows before, and over all before, is ROWS BETWEEN', async () => {
  const actual = await ofQuakes((stream) =>
    stream
      .keyBy(({ net }) => net)
      .over({ least: min(({ mag }: Quake) => mag) }, { rows: 4 })
      .map(({ time, least }) => ({ time, least })),
  );
  expect(actual).toEqual(
    await duckRows(`
      select time, min(mag) over (partition by net order by time rows between 4 preceding and current row) as least
      from quakes`),
  );
  const total = await ofQuakes((stream) =>
    stream
      .keyBy(({ net }) => net)
      .over(
        { n: count(), total: sum(({ mag }: Quake) => mag) },
        { orderBy: asc(({ time }) => time), rows: 'unbounded' },
      )
      .map(({ time, n, total: so }) => ({ time, n, total: so })),
  );
  expect(total).toEqual(
    await duckRows(`
      select time, count(*) over before as n, sum(mag) over before as total from quakes
      window before as (partition by net order by time rows between unbounded preceding and current row)`),
  );
});

test('the first and the last of a key by event time are those by time', async () => {
  const first = await ofQuakes((stream) => stream.keyBy(({ net }) => net).deduplicate({ time: 'event' }));
  expect(first).toEqual(
    await duckRows('select * from quakes qualify row_number() over (partition by net order by time) = 1'),
  );
  const last = await ofQuakes((stream) =>
    stream.keyBy(({ net }) => net).deduplicate({ time: 'event', keep: 'last' }),
  );
  expect(last).toEqual(
    await duckRows(
      'select * from quakes qualify row_number() over (partition by net order by time desc) = 1',
    ),
  );
});

test('sorted within event time, earthquakes come in the order of ORDER BY', async () => {
  const times: number[] = [];
  const job = defineJob('sorted', (env) => {
    env
      .source(fromArray(someQuakes))
      .watermarks(boundedOutOfOrderness('8 days', ({ time }) => time))
      .sort()
      .forEach(({ time }) => void times.push(time))
      .parallelism(1);
  });
  await executeJob(job, { parallelism: 2 });
  const expected = await askDuck('select time from quakes order by time');
  expect(times).toEqual(expected.map(({ time }) => time));
});
