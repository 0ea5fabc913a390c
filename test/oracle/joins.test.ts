// Joins over real data, out of order, give what DuckDB gives for the same data at once; also when they are restored again and again.
import { describe, expect, test } from 'vitest';
import { count, max, sum, tumbling, type DataStream, type JoinType } from '@millrace/api';
import { flights, quakes, type Flight, type Quake } from './duck.ts';
import { duckRows, restoredJoinRows, runReplay, type Gathered, type Replay } from './rows.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const NONE = { late: 0, skipped: 0, deadLettered: 0 };
const TYPES: readonly JoinType[] = ['inner', 'left', 'right', 'full', 'semi', 'anti'];
/** Flights of the first days. */
const FLIGHTS = 2_000;

const someFlights: Replay<Flight> = {
  records: flights()
    .slice(0, FLIGHTS)
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
const SOME_FLIGHTS = `(select * from flights where id < ${FLIGHTS})`;

async function isWhatDuckGives<T>(
  replay: Replay<T>,
  operators: (stream: DataStream<T>) => Gathered,
  sql: string,
): Promise<readonly string[]> {
  const expected = await duckRows(sql);
  expect(expected.length).toBeGreaterThan(10);
  expect(await runReplay(replay, operators)).toEqual({ rows: expected, dropped: NONE });
  return expected;
}

/** Of a join of all records with all records: also when it is restored. */
async function joinsAsDuck<T>(
  replay: Replay<T>,
  operators: (left: DataStream<T>, right: DataStream<T>) => Gathered,
  sql: string,
): Promise<void> {
  const expected = await isWhatDuckGives(replay, (stream) => operators(stream, stream), sql);
  expect(await restoredJoinRows(replay, operators)).toEqual(expected);
}

/** A join of `a` with `b` in SQL. */
function joinSql(type: JoinType, tables: readonly [string, string], on: string, columns: string): string {
  const [a, b] = tables;
  if (type === 'semi' || type === 'anti') {
    const not = type === 'anti' ? 'not ' : '';
    return `select ${columns.replaceAll('b.', 'null.')} from ${a} a where ${not}exists (select 1 from ${b} b where ${on})`.replace(
      /null\.\w+/g,
      'null',
    );
  }
  return `select ${columns} from ${a} a ${type} join ${b} b on ${on}`;
}

describe.each(TYPES)('%s', (type) => {
  test('an interval join of arrivals and departures', async () => {
    await joinsAsDuck(
      someFlights,
      (left, right) =>
        left
          .keyBy(({ destination }) => destination)
          .intervalJoin(
            right.keyBy(({ origin }) => origin),
            {
              lower: '1 hour',
              upper: '4 hours',
              lowerExclusive: true,
              type,
              where: (from, to) => to.destination !== from.origin,
              select: (from, to) => ({ from: from?.id ?? null, to: (to as Flight | undefined)?.id ?? null }),
            },
          ),
      joinSql(
        type,
        [SOME_FLIGHTS, SOME_FLIGHTS],
        `a.destination = b.origin and b."at" > a."at" + ${HOUR} and b."at" <= a."at" + ${4 * HOUR} and b.destination <> a.origin`,
        'a.id as "from", b.id as "to"',
      ),
    );
  });

  test('an interval join of earthquakes with those of others around them', async () => {
    await joinsAsDuck(
      quakesAsUpdated,
      (left, right) =>
        left
          .filter(({ net }) => net !== 'us')
          .keyBy(({ magType }) => magType)
          .intervalJoin(
            right.filter(({ mag }) => mag >= 1.5).keyBy(({ magType }) => magType),
            {
              lower: '-20 minutes',
              upper: '10 minutes',
              type,
              select: (one, other) => ({
                one: one?.time ?? null,
                other: (other as Quake | undefined)?.time ?? null,
              }),
            },
          ),
      joinSql(
        type,
        ["(select * from quakes where net <> 'us')", '(select * from quakes where mag >= 1.5)'],
        `a.magType = b.magType and b.time between a.time - ${20 * MINUTE} and a.time + ${10 * MINUTE}`,
        'a.time as one, b.time as other',
      ),
    );
  });

  test('a window join of arrivals and departures of an hour', async () => {
    await joinsAsDuck(
      someFlights,
      (left, right) =>
        left
          .keyBy(({ destination }) => destination)
          .join(
            right.keyBy(({ origin }) => origin),
            {
              window: tumbling('1 hour'),
              type,
              select: (from, to) => ({ from: from?.id ?? null, to: (to as Flight | undefined)?.id ?? null }),
            },
          ),
      joinSql(
        type,
        [SOME_FLIGHTS, SOME_FLIGHTS],
        `a.destination = b.origin and a."at" // ${HOUR} = b."at" // ${HOUR}`,
        'a.id as "from", b.id as "to"',
      ),
    );
  });

  test('a view over arrivals and departures of airports', async () => {
    const replay = { ...someFlights, records: someFlights.records.slice(0, 1_500) };
    const table = `(select * from flights where id in (${replay.records.map(({ id }) => id).join()}))`;
    await isWhatDuckGives(
      replay,
      (stream) => {
        const departures = stream
          .filter(({ delay }) => delay > 0)
          .keyBy(({ origin }) => origin)
          .aggregate({ n: count(), delay: sum(({ delay }: Flight) => delay) }, { emit: 'update' });
        const arrivals = stream
          .filter(({ distance }) => distance > 400)
          .keyBy(({ destination }) => destination)
          .aggregate({ n: count(), far: max(({ distance }: Flight) => distance) }, { emit: 'update' });
        return departures.join(arrivals, {
          leftKey: ({ key }) => key,
          rightKey: ({ key }) => key,
          leftUniqueKey: ({ key }) => key,
          type,
          select: (from, to) => {
            const other = to as
              | { readonly key: string; readonly n: number; readonly far: number }
              | undefined;
            return {
              airport: from?.key ?? null,
              delay: from?.delay ?? null,
              to: other?.key ?? null,
              far: other?.far ?? null,
            };
          },
        });
      },
      joinSql(
        type,
        [
          `(select origin as airport, sum(delay)::bigint as delay from ${table} where delay > 0 group by origin)`,
          `(select destination as airport, max(distance) as far from ${table} where distance > 400 group by destination)`,
        ],
        'a.airport = b.airport',
        'a.airport as airport, a.delay as delay, b.airport as "to", b.far as far',
      ),
    );
  });
});

test('a view over routes and the airports that they lead to, by a foreign key', async () => {
  const replay = { ...someFlights, records: someFlights.records.slice(0, 800) };
  const table = `(select * from flights where id in (${replay.records.map(({ id }) => id).join()}))`;
  await isWhatDuckGives(
    replay,
    (stream) => {
      const routes = stream
        .keyBy(({ origin, destination }) => [origin, destination])
        .aggregate({ n: count() }, { emit: 'update' });
      const airports = stream.keyBy(({ origin }) => origin).aggregate({ n: count() }, { emit: 'update' });
      return routes.join(airports, {
        leftKey: ({ key }) => key[1] ?? '',
        rightKey: ({ key }) => key,
        type: 'left',
        select: (route, airport) => ({
          from: route.key[0],
          to: route.key[1],
          n: route.n,
          next: airport?.n ?? null,
        }),
      });
    },
    `select a.origin as "from", a.destination as "to", a.n as n, b.n as next
     from (select origin, destination, count(*) as n from ${table} group by origin, destination) a
     left join (select origin, count(*) as n from ${table} group by origin) b on a.destination = b.origin`,
  );
});

test.each(['inner', 'left'] as const)(
  'a temporal join (%s) with the last weak earthquake is ASOF',
  async (type) => {
    await joinsAsDuck(
      quakesAsUpdated,
      (left, right) =>
        left
          .filter(({ mag }) => mag >= 1)
          .temporalJoin(
            right.filter(({ mag }) => mag < 1),
            {
              recordKey: ({ net }) => net,
              tableKey: ({ net }) => net,
              type,
              select: (quake, weak) => ({
                time: quake.time,
                weak: weak?.time ?? null,
                mag: weak?.mag ?? null,
              }),
            },
          ),
      `select a.time as time, b.time as weak, b.mag as mag
     from (select * from quakes where mag >= 1) a
     asof ${type} join (select * from quakes where mag < 1) b on a.net = b.net and a.time >= b.time`,
    );
  },
);
