// Every join and running aggregate in one job, over two rated streams; the results do not depend on how parallel it is.
import {
  boundedOutOfOrderness,
  count,
  defineJob,
  desc,
  generate,
  max,
  sum,
  tumbling,
  type Change,
} from '@millrace/api';
import { jsonLines } from '@millrace/connector-files';

export const USERS = 20;
export const CITIES = ['Oslo', 'Lima', 'Kyoto'];
export const WINDOW = 1_000;
export const REACH = 200;
export const RATE_EVERY = 50;

export interface Order {
  readonly id: number;
  readonly user: number;
  readonly amount: number;
  readonly time: number;
}
export interface Payment {
  readonly order: number;
  readonly user: number;
  readonly time: number;
}

export const orderAt = (id: number): Order => ({ id, user: (id * 7) % USERS, amount: id % 9, time: id * 10 });

/** Two of three orders are paid, some of them too late for an interval. */
export const paymentAt = (index: number): Payment => {
  const order = index % 3 === 2 ? -1 - index : index;
  return { order, user: (index * 7) % USERS, time: index * 10 + (index % 5) * 60 };
};

/** Moves to another city with each of its changes. */
export const cityOf = (user: number, round: number): string => CITIES[(user + round) % CITIES.length] ?? '';

const rateAt = (index: number): { readonly rate: number; readonly time: number } => ({
  rate: index,
  time: index * RATE_EVERY,
});

interface Resident {
  readonly user: number;
  readonly city: string;
}

/** Each user comes, and moves once. */
const moveAt = (index: number): Change<Resident> => ({
  kind: index < USERS ? 'insert' : 'updateAfter',
  row: { user: index % USERS, city: cityOf(index % USERS, Math.floor(index / USERS)) },
});

export default defineJob('views', (env) => {
  const { params } = env;
  const total = params.number('count', 2_000);
  const out = params.string('out', 'out');
  const ratePerSecond = params.number('ratePerSecond', 500);
  env.options({ checkpoint: { interval: '300ms' } });
  const byTime = boundedOutOfOrderness<{ readonly time: number }>('1 s', ({ time }) => time);
  const inOrder = { splits: 4, isOrdered: true } as const;
  const orders = env
    .source(generate({ count: total, ...inOrder }, orderAt), { ratePerSecond })
    .uid('orders')
    .watermarks(byTime);
  const payments = env
    .source(generate({ count: total, ...inOrder }, paymentAt), { ratePerSecond })
    .uid('payments')
    .watermarks(byTime);
  const rates = env
    .source(generate({ count: Math.ceil((total * 10) / RATE_EVERY), ...inOrder }, rateAt), {
      ratePerSecond: (ratePerSecond * 10) / RATE_EVERY,
    })
    .uid('rates')
    .watermarks(byTime);
  const residents = env
    .source(generate({ count: 2 * USERS, splits: 1 }, moveAt), { ratePerSecond: 20 })
    .uid('moves')
    .toChangelog({ mode: 'upsert' })
    .normalize(({ user }) => user);
  const byOrder = payments.keyBy(({ order }) => order);

  orders
    .keyBy(({ id }) => id)
    .intervalJoin(byOrder, {
      lower: 0,
      upper: REACH,
      type: 'left',
      select: ({ id }, payment) => ({ id, paid: payment !== undefined }),
    })
    .sink(jsonLines({ path: `${out}/interval` }));

  orders
    .keyBy(({ user }) => user)
    .join(
      payments.keyBy(({ user }) => user),
      {
        window: tumbling(WINDOW),
        type: 'full',
        where: (order, payment) => order.id === payment.order,
        select: (order, payment) => ({ id: order?.id ?? null, payment: payment?.order ?? null }),
      },
    )
    .sink(jsonLines({ path: `${out}/window` }));

  orders
    .temporalJoin(rates, {
      recordKey: () => 0,
      tableKey: () => 0,
      type: 'left',
      select: ({ id }, found) => ({ id, rate: found?.rate ?? null }),
    })
    .sink(jsonLines({ path: `${out}/temporal` }));

  orders
    .join(residents, {
      recordKey: ({ user }) => user,
      tableKey: ({ user }) => user,
      type: 'left',
      // Which city depends on who is faster: each order comes once all the same.
      select: ({ id }) => ({ id }),
    })
    .sink(jsonLines({ path: `${out}/latest` }));

  orders
    .lookupJoin({
      recordKey: ({ user }) => user,
      lookup: async (user) => (user % 2 === 0 ? { name: `user ${user}` } : undefined),
      type: 'inner',
      select: ({ id }, { name }) => ({ id, name }),
    })
    .sink(jsonLines({ path: `${out}/lookup` }));

  const totals = orders
    .keyBy(({ user }) => user)
    .aggregate({ orders: count(), amount: sum(({ amount }) => amount) }, { emit: 'update' });
  const inCities = totals.join(residents, {
    leftKey: ({ key }) => key,
    rightKey: ({ user }) => user,
    leftUniqueKey: ({ key }) => key,
    rightUniqueKey: ({ user }) => user,
    type: 'full',
    select: (of, resident) => ({ city: resident?.city ?? '?', amount: of?.amount ?? 0 }),
  });
  inCities
    .keyBy(({ city }) => city)
    .aggregate({ users: count(), amount: sum(({ amount }) => amount), most: max(({ amount }) => amount) })
    .sink(jsonLines({ path: `${out}/cities`, changelog: true }));
  totals
    .topN(3, { orderBy: [desc(({ amount }) => amount), desc(({ key }) => key)], rank: 'rank' })
    .sink(jsonLines({ path: `${out}/top`, changelog: true }));

  orders
    .keyBy(({ user }) => user)
    .over({ sum: sum(({ amount }) => amount), max: max(({ amount }) => amount) }, { rows: 4 })
    .map(({ id, sum: of, max: most }) => ({ id, sum: of, max: most }))
    .sink(jsonLines({ path: `${out}/over` }));

  orders
    .keyBy(({ user }) => user)
    .deduplicate({ keep: 'last', time: 'event', emit: 'update' })
    .sink(jsonLines({ path: `${out}/last`, changelog: true }));
});
