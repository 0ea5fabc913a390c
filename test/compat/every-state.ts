// A job that keeps everything that a checkpoint can hold: splits and positions, each kind of keyed state, timers of both
// domains, windows, and transactions that are sealed and not committed.
import {
  avg,
  boundedOutOfOrderness,
  count,
  defineJob,
  endOfInput,
  fromArray,
  generate,
  listState,
  mapState,
  max,
  sinkBrand,
  sliding,
  sum,
  tumbling,
  type,
  valueState,
  type Json,
  type Sink,
} from '@millrace/api';

export const START_MS = Date.UTC(2026, 0, 1);
/** One a second. */
const RECORDS = 400;
const SECOND = 1_000;
const MINUTE = 60 * SECOND;

interface Reading {
  readonly key: string;
  readonly value: number;
  readonly atMs: number;
}

/** A transaction with all that was written to it: whoever restores it can commit it, wherever it is. */
export interface Transaction {
  readonly id: string;
  readonly checkpointId: number;
  readonly lines: readonly string[];
}

/** What has been committed; outlives attempts. */
export class Committed {
  readonly transactions = new Map<string, Transaction>();

  get lines(): string[] {
    return [...this.transactions.values()].flatMap(({ lines }) => lines).toSorted();
  }

  add(transactions: readonly Transaction[]): void {
    for (const transaction of transactions) this.transactions.set(transaction.id, transaction);
  }
}

function transactions(name: string, committed: Committed): Sink<unknown> {
  return {
    [sinkBrand]: 1,
    name,
    describe: () => ({}),
    openWriter: ({ runId, operatorUid, subtaskIndex, attemptNumber }) => {
      let lines: string[] = [];
      return {
        write: (record) => void lines.push(`${name} ${JSON.stringify(record)}`),
        prepareCommit: (checkpointId) => {
          if (lines.length === 0) return [];
          const id = `${runId}-${operatorUid}-${subtaskIndex}-${attemptNumber}-${checkpointId}`;
          const sealed: Transaction = { id, checkpointId, lines };
          lines = [];
          return [sealed as unknown as Json];
        },
        close: () => undefined,
      };
    },
    openCommitter: () => ({
      commit: async (sealed) => committed.add(sealed as unknown as readonly Transaction[]),
    }),
  };
}

export function everyState(committed: Committed) {
  return defineJob(
    'every-state',
    (env) => {
      const readings = env
        .source(
          generate({ count: RECORDS, splits: 3 }, (index) => index),
          { ratePerSecond: 1 },
        )
        .map((index): Reading => ({
          key: `k${index % 7}`,
          value: index % 13,
          atMs: START_MS + index * SECOND,
        }))
        .watermarks(boundedOutOfOrderness('5 minutes', ({ atMs }) => atMs));
      const keyed = readings.keyBy(({ key }) => key);

      readings
        .process({
          emits: type<string>(),
          onRecord: ({ atMs }, ctx) => {
            const marks = ctx.operatorState.list<number>('marks');
            ctx.operatorState.unionList<number>('all marks').update([atMs]);
            marks.add(atMs);
            // Whoever is at the end of the first or the second split has read nothing else.
            const index = (atMs - START_MS) / SECOND;
            if (index === 132 || index === 265) ctx.emit(`${index}: ${marks.get().length} marks`);
          },
        })
        .uid('lists')
        .sink(transactions('lists', committed));

      readings
        .connect(env.source(fromArray([1, 2, 4])).broadcast({ rules: mapState<number, number>() }))
        .process({
          onBroadcast: (rule, { broadcast }) => broadcast.rules.put(rule, rule),
          onRecord: ({ atMs }, { broadcast }) => {
            const index = (atMs - START_MS) / SECOND;
            if (index % 50 < 40) return [];
            return [`${index}: ${[...broadcast.rules.values()].reduce((a, b) => a + b, 0)}`];
          },
        })
        .uid('broadcast')
        .sink(transactions('broadcast', committed));

      keyed
        .process({
          state: {
            total: valueState<number>({ initial: 0 }),
            values: listState<number>(),
            byValue: mapState<number, number>(),
          },
          emits: type<string>(),
          onRecord: ({ value, atMs }, ctx) => {
            const { key, state, timers } = ctx;
            const total = state.total.value() + 1;
            state.total.update(total);
            state.values.add(value);
            state.byValue.put(value, (state.byValue.get(value) ?? 0) + 1);
            timers.registerEventTime(Math.ceil(atMs / MINUTE) * MINUTE);
            if (total === 1) timers.registerProcessingTime(START_MS + 300 * SECOND);
            if (total % 20 === 0) ctx.emit(`${key} at ${total}`);
          },
          // Readers run side by side: what state holds at a moment depends on them, until all is read.
          onTimer: ({ timestamp, domain }, { key, state }) => {
            const atMs = timestamp - START_MS;
            if (domain === 'processing' || atMs < RECORDS * SECOND - MINUTE)
              return [`${key} ${domain} ${atMs}`];
            const values = [...state.values.get()].toSorted((a, b) => a - b);
            const byValue = [...state.byValue.entries()].toSorted(([a], [b]) => a - b);
            return [`${key} ${domain} ${atMs} ${JSON.stringify([state.total.value(), values, byValue])}`];
          },
        })
        .uid('process')
        .sink(transactions('process', committed));

      keyed
        .window(tumbling('1 minute'))
        .aggregate({ readings: count(), total: sum(({ value }) => value), mean: avg(({ value }) => value) })
        .uid('tumbling')
        .sink(transactions('tumbling', committed));

      keyed
        .window(sliding('2 minutes', '1 minute'))
        .aggregate({ readings: count(), greatest: max(({ value }) => value) })
        .uid('sliding')
        .sink(transactions('sliding', committed));

      keyed
        .window(endOfInput())
        .aggregate({ readings: count() })
        .uid('whole')
        .sink(transactions('whole', committed));

      readings
        .map(({ key }) => ({ key, seen: 1 }))
        .keyBy(({ key }) => key)
        .reduce((a, b) => ({ key: a.key, seen: a.seen + b.seen }))
        .uid('reduce')
        .filter(({ seen }) => seen % 10 === 0)
        .sink(transactions('reduce', committed));
    },
    { parallelism: 2, keyGroups: 16, checkpoint: { interval: '60 s' } },
  );
}
