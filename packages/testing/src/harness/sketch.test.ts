/* oxlint-disable vitest/expect-expect -- verifyOperator asserts */
import { expect, test } from 'vitest';
import {
  approxCountDistinct,
  approxQuantile,
  approxTopN,
  bloomFilter,
  count,
  countMin,
  hyperLogLog,
  mergedSketch,
  ddSketch,
  sketchOf,
  sketchState,
  sliding,
  tumbling,
  valueState,
  type CountMin,
  type HyperLogLog,
} from '@millrace/api';
import { endOfInput, record, verifyOperator, watermark } from './verify-operator.ts';

const everyWay = { parallelism: [1, 3] };

interface Click {
  readonly page: string;
  readonly user: string | null;
  readonly ms: number;
}

const click = (page: string, user: string | null, ms: number, atMs: number) =>
  record<Click>({ page, user, ms }, { atMs });

const users = hyperLogLog();
const seen = bloomFilter({ capacity: 100 });
const times = ddSketch();
const visits = countMin({ epsilon: 0.1 });

const CLICKS = [
  click('a', 'ann', 10, 1),
  click('a', 'bob', 20, 2),
  click('b', 'ann', 5, 3),
  click('a', 'ann', 30, 4),
  click('a', null, 40, 5),
];

test('sketches are aggregates of windows: merged by slices, before the exchange and at late firings', async () => {
  await verifyOperator<Click>((input) =>
    input
      .keyBy(({ page }) => page)
      .window(sliding(20, 10))
      .allowedLateness(100)
      .aggregate({
        clicks: count(),
        users: approxCountDistinct(({ user }) => user),
        slowest: approxQuantile(({ ms }) => ms, 1),
        spread: approxQuantile(({ ms }) => ms, [0, 1]),
        top: approxTopN(1, ({ user }) => user),
        heavy: approxTopN(1, ({ user }) => user, { capacity: 5, weight: ({ ms }) => ms }),
      })
      .map(({ key, windowEnd, clicks, users: distinct, slowest, spread, top, heavy }) =>
        [
          key,
          windowEnd,
          clicks,
          distinct,
          slowest,
          spread.join('–'),
          top[0]?.value,
          top[0]?.count,
          heavy[0]?.count,
        ].join(' '),
      ),
  )
    .input(
      ...CLICKS,
      click('a', 'bob', 1, 14),
      watermark(9),
      click('a', 'cyd', 99, 3),
      watermark(19),
      watermark(30),
      endOfInput,
    )
    .expect(
      record('a 10 4 2 40 10–40 ann 2 40'),
      record('b 10 1 1 5 5–5 ann 1 5'),
      watermark(9),
      record('a 10 5 3 99 10–99 ann 2 99'),
      record('a 20 6 3 99 1–99 ann 2 99'),
      record('b 20 1 1 5 5–5 ann 1 5'),
      watermark(19),
      record('a 30 1 1 1 1–1 bob 1 1'),
      watermark(30),
      endOfInput,
    )
    .survivesRestoreAtEveryStep(everyWay);
});

test('sketches are running aggregates, whose results do not change afterwards', async () => {
  await verifyOperator<Click>((input) =>
    input
      .keyBy(({ page }) => page)
      .aggregate({ users: sketchOf(users, ({ user }) => user), seen: sketchOf(seen, ({ user }) => user) })
      .map(
        ({ key, users: summary, seen: filter }) =>
          `${key} ${users.estimate(summary)} ${seen.has(filter, 'bob')}`,
      ),
  )
    .input(...CLICKS)
    .expect(
      record('a 1 false'),
      record('a 2 true'),
      record('b 1 false'),
      record('a 2 true'),
      record('a 2 true'),
    )
    .survivesRestoreAtEveryStep(everyWay);
});

interface Hour {
  readonly users: HyperLogLog;
  readonly visits: CountMin;
}

function hourOf(...clicks: readonly (readonly [page: string, user: string])[]): Hour {
  const hour = { users: users.create(), visits: visits.create() };
  for (const [page, user] of clicks) {
    users.add(hour.users, user);
    visits.add(hour.visits, page);
  }
  return hour;
}

test('summaries are records: those of hours are merged into one of the day', async () => {
  await verifyOperator<Hour>((input) =>
    input
      .keyBy(() => 'site')
      .window(tumbling(24))
      .aggregate({
        users: mergedSketch(users, (hour) => hour.users),
        visits: mergedSketch(visits, (hour) => hour.visits),
      })
      .map((day) =>
        [users.estimate(day.users), visits.estimate(day.visits, 'a'), visits.estimate(day.visits, 'b')].join(
          ' ',
        ),
      ),
  )
    .input(
      record(hourOf(['a', 'ann'], ['a', 'bob']), { atMs: 1 }),
      record(hourOf(['b', 'ann']), { atMs: 2 }),
      record(hourOf(['a', 'ann'], ['a', 'cyd'], ['b', 'bob']), { atMs: 3 }),
      endOfInput,
    )
    .expect(record('3 4 2'), endOfInput)
    .survivesRestoreAtEveryStep(everyWay);
});

test('summaries are state of process functions: a value, or one that answers', async () => {
  await verifyOperator<Click>((input) =>
    input
      .keyBy(({ page }) => page)
      .process({
        state: {
          summary: valueState<HyperLogLog>(),
          users: sketchState(users, users.estimate),
          slowest: sketchState(times, (summary) => times.quantile(summary, 1)),
        },
        onRecord({ user, ms }, { state, key }) {
          const known = state.summary.value();
          const summary = known === undefined ? users.create() : users.copy(known);
          users.add(summary, user);
          state.summary.update(summary);
          state.users.add(user);
          state.slowest.add(ms);
          return [`${key} ${users.estimate(summary)} ${state.users.get()} ${state.slowest.get()}`];
        },
      }),
  )
    .input(...CLICKS)
    .expect(record('a 1 1 10'), record('a 2 2 20'), record('b 1 1 5'), record('a 2 2 30'), record('a 2 2 40'))
    .survivesRestoreAtEveryStep(everyWay);
});

test('no input gives no summaries', async () => {
  await verifyOperator<Click>((input) =>
    input
      .keyBy(({ page }) => page)
      .window(tumbling(10))
      .aggregate({ users: approxCountDistinct(({ user }) => user) }),
  )
    .input(watermark(50), endOfInput)
    .expect(watermark(50), endOfInput)
    .survivesRestoreAtEveryStep(everyWay);
});

test('options of sketches are checked when the graph is built', () => {
  expect(() => approxCountDistinct(() => 1, { precision: 30 })).toThrow('from 4 to 18');
  expect(() => approxQuantile(() => 1, 1.5)).toThrow('it must be from 0 to 1');
  expect(() => approxQuantile(() => 1, [])).toThrow('an array of 1 to 100');
  expect(() => approxTopN(0, () => 1)).toThrow('the limit of approxTopN()');
  expect(() => approxTopN(1, () => 1, { capacity: 0 })).toThrow('`capacity` of spaceSaving()');
});
