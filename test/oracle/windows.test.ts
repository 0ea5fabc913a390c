// Windows over real data, out of order, give what DuckDB gives for the same data at once; also when they are restored again and again.
import { describe, expect, test } from 'vitest';
import {
  avg,
  count,
  countDistinct,
  cumulating,
  max,
  min,
  outputTag,
  session,
  sliding,
  sum,
  tumbling,
  type DataStream,
} from '@millrace/api';
import { flights, quakes, type Flight, type Quake } from './duck.ts';
import { BATCH_RECORDS, duckRows, restoredRows, runReplay, type Gathered, type Replay } from './rows.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const NONE = { late: 0, skipped: 0, deadLettered: 0 };

/** Flights leave in order: here they come up to six hours later than others. */
const shuffledFlights: Replay<Flight> = {
  records: flights()
    .map((flight) => ({ flight, comesAt: flight.at + ((flight.id * 7_919) % 360) * MINUTE }))
    .sort((a, b) => a.comesAt - b.comesAt || a.flight.id - b.flight.id)
    .map(({ flight }) => flight),
  timeOf: ({ at }) => at,
  outOfOrderMs: 6 * HOUR,
};
const quakesAsUpdated: Replay<Quake> = {
  records: quakes(),
  timeOf: ({ time }) => time,
  outOfOrderMs: 8 * DAY,
};

interface Query<T> {
  readonly name: string;
  readonly operators: (stream: DataStream<T>) => Gathered;
  readonly sql: string;
}

const ofFlights: readonly Query<Flight>[] = [
  {
    name: 'tumbling windows',
    operators: (stream) =>
      stream
        .keyBy(({ origin }) => origin)
        .window(tumbling('1 day', { offset: '5 hours' }))
        .aggregate({
          n: count(),
          late: count(({ delay }: Flight) => delay > 0),
          distance: sum(({ distance }) => distance),
          least: min(({ delay }) => delay),
          mean: avg(({ delay }) => delay),
        }),
    sql: `
      select origin as key, start as windowStart, start + ${DAY} as windowEnd, count(*) as n,
        count(*) filter (delay > 0) as late, sum(distance)::bigint as distance, min(delay) as least, avg(delay) as mean
      from (select *, ("at" - ${5 * HOUR}) // ${DAY} * ${DAY} + ${5 * HOUR} as start from flights)
      group by origin, start`,
  },
  {
    name: 'tumbling windows of all records',
    operators: (stream) =>
      stream
        .windowAll(tumbling('3 hours'))
        .aggregate({ n: count(), origins: countDistinct(({ origin }: Flight) => origin) }),
    sql: `
      select start as windowStart, start + ${3 * HOUR} as windowEnd, count(*) as n, count(distinct origin) as origins
      from (select *, "at" // ${3 * HOUR} * ${3 * HOUR} as start from flights) group by start`,
  },
  {
    name: 'sessions, whose gap is often met to the minute',
    operators: (stream) =>
      stream
        .keyBy(({ origin }) => origin)
        .window(session('3 hours'))
        .aggregate({ n: count(), distance: sum(({ distance }: Flight) => distance) }),
    sql: sessionsSql({
      table: 'flights',
      key: 'origin',
      time: '"at"',
      gap: `${3 * HOUR}`,
      aggregates: 'count(*) as n, sum(distance)::bigint as distance',
    }),
  },
];

const ofQuakes: readonly Query<Quake>[] = [
  {
    name: 'sliding windows',
    operators: (stream) =>
      stream
        .keyBy(({ net }) => net)
        .window(sliding('6 hours', '1 hour'))
        .aggregate({ n: count(), strongest: max(({ mag }: Quake) => mag), mean: avg(({ mag }) => mag) }),
    sql: `
      select net as key, start as windowStart, start + ${6 * HOUR} as windowEnd,
        count(*) as n, max(mag) as strongest, avg(mag) as mean
      from (select net, mag, (time // ${HOUR} - k) * ${HOUR} as start from quakes, range(6) slides(k))
      group by net, start`,
  },
  {
    name: 'sliding windows of all records of each',
    operators: (stream) =>
      stream
        .keyBy(({ net }) => net)
        .window(sliding('2 hours', '45 minutes'))
        .process((net, records, { start }) => {
          const times = [...records].map(({ time }) => time);
          return [{ net, start, n: times.length, span: Math.max(...times) - Math.min(...times) }];
        }),
    sql: `
      select net, start, count(*) as n, max(time) - min(time) as span
      from (select net, time, (time // ${45 * MINUTE} - k) * ${45 * MINUTE} as start from quakes, range(3) slides(k))
      where time < start + ${2 * HOUR} group by net, start`,
  },
  {
    name: 'cumulating windows',
    operators: (stream) =>
      stream
        .keyBy(({ net }) => net)
        .window(cumulating('1 day', '6 hours'))
        .aggregate({ n: count(), types: countDistinct(({ magType }: Quake) => magType) }),
    sql: `
      select net as key, day as windowStart, day + k * ${6 * HOUR} as windowEnd,
        count(*) as n, count(distinct magType) as types
      from (select *, time // ${DAY} * ${DAY} as day from quakes), range(1, 5) steps(k)
      where time < day + k * ${6 * HOUR} group by net, day, k`,
  },
  {
    name: 'sessions',
    operators: (stream) =>
      stream
        .keyBy(({ net }) => net)
        .window(session('40 minutes'))
        .aggregate({ n: count(), strongest: max(({ mag }: Quake) => mag) }),
    sql: sessionsSql({
      table: 'quakes',
      key: 'net',
      time: 'time',
      gap: `${40 * MINUTE}`,
      aggregates: 'count(*) as n, max(mag) as strongest',
    }),
  },
  {
    name: 'sessions with a gap of each record',
    operators: (stream) =>
      stream
        .keyBy(({ net }) => net)
        .window(session(({ mag }: Quake) => (mag >= 2 ? 2 * HOUR : 10 * MINUTE)))
        .aggregate({ n: count(), weakest: min(({ mag }: Quake) => mag) }),
    sql: sessionsSql({
      table: 'quakes',
      key: 'net',
      time: 'time',
      gap: `case when mag >= 2 then ${2 * HOUR} else ${10 * MINUTE} end`,
      aggregates: 'count(*) as n, min(mag) as weakest',
    }),
  },
  {
    name: 'updated windows',
    operators: (stream) =>
      stream
        .keyBy(({ net }) => net)
        .window(tumbling('1 day'))
        .emit('update')
        .aggregate({ n: count(), strongest: max(({ mag }: Quake) => mag) }),
    sql: `
      select net as key, day as windowStart, day + ${DAY} as windowEnd, count(*) as n, max(mag) as strongest
      from (select *, time // ${DAY} * ${DAY} as day from quakes) group by net, day`,
  },
];

/** Intervals [time, time + gap] that touch are one session. */
function sessionsSql(of: {
  readonly table: string;
  readonly key: string;
  readonly time: string;
  readonly gap: string;
  readonly aggregates: string;
}): string {
  const { table, key, time, gap, aggregates } = of;
  const earlier = `(partition by ${key} order by ${time} rows between unbounded preceding and 1 preceding)`;
  return `
    with ends as (select *, ${time} as begins, ${time} + ${gap} as ends from ${table}),
      reached as (select *, max(ends) over ${earlier} as reach from ends),
      numbered as (
        select *, sum(case when reach >= begins then 0 else 1 end)
          over (partition by ${key} order by begins rows unbounded preceding) as number from reached)
    select ${key} as key, min(begins) as windowStart, max(ends) as windowEnd, ${aggregates}
    from numbered group by ${key}, number`;
}

describe('flights that come out of order', () => {
  test.each(ofFlights)('$name', async ({ operators, sql }) => {
    const expected = await duckRows(sql);
    expect(await runReplay(shuffledFlights, operators)).toEqual({ rows: expected, dropped: NONE });
    expect(await restoredRows(shuffledFlights, operators)).toEqual(expected);
  });
});

describe('earthquakes as they were updated', () => {
  test.each(ofQuakes)('$name', async ({ operators, sql }) => {
    const expected = await duckRows(sql);
    expect(await runReplay(quakesAsUpdated, operators)).toEqual({ rows: expected, dropped: NONE });
    expect(await restoredRows(quakesAsUpdated, operators)).toEqual(expected);
  });
});

describe('late earthquakes', () => {
  const impatient: Replay<Quake> = { ...quakesAsUpdated, outOfOrderMs: 6 * HOUR };
  const late = outputTag<Quake>('late');
  const windows = (stream: DataStream<Quake>) =>
    stream
      .keyBy(({ net }) => net)
      .window(tumbling('1 hour'))
      .sideOutputLateData(late)
      .aggregate({ n: count(), strongest: max(({ mag }: Quake) => mag) });
  /** The watermark is that of the batches before: a window is over when it has come to its last millisecond. */
  const timed = `
    with placed as (select *, (row_number() over (order by updated) - 1) // ${BATCH_RECORDS} as batch from quakes),
      timed as (select *, time // ${HOUR} * ${HOUR} as start,
        max(time) over (order by batch range between unbounded preceding and 1 preceding) - ${6 * HOUR} as watermark from placed)`;

  test('are not in the windows, but in the side output', async () => {
    const onTime = await duckRows(`${timed}
      select net as key, start as windowStart, start + ${HOUR} as windowEnd, count(*) as n, max(mag) as strongest
      from timed where watermark is null or watermark < start + ${HOUR - 1} group by net, start`);
    expect(await restoredRows(impatient, windows)).toEqual(onTime);
    const tooLate = await duckRows(`${timed}
      select time, updated, mag, net, magType from timed where watermark >= start + ${HOUR - 1}`);
    expect(tooLate.length).toBeGreaterThan(100);
    expect(await restoredRows(impatient, (stream) => windows(stream).sideOutput(late))).toEqual(tooLate);
  });
});
