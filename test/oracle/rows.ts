// What operators have given at the end, as texts that can be compared with those of another engine.
import { boundedOutOfOrderness, defineJob, fromArray, type DataStream } from '@millrace/api';
import { executeJob } from '@millrace/embedded';
import { ChainHarness, type OperatorsUnderTest, type SidedValue } from '@millrace/testing';
import { askDuck } from './duck.ts';

const PARALLELISM = 2;
/** Of {@link restoredRows}: records of a batch, and batches between two restores. */
export const BATCH_RECORDS = 50;
const BATCHES_PER_LIFE = 15;

/** A stream or a changelog, of anything. */
export interface Gathered {
  forEach(each: (record: unknown) => void): unknown;
}

/** Records in the order in which they come, and how far they are out of order. */
export interface Replay<T> {
  readonly records: readonly T[];
  readonly timeOf: (record: T) => number;
  readonly outOfOrderMs: number;
}

/** What a job has given: rows, sorted, and how many records it left out. */
export interface Outcome {
  readonly rows: readonly string[];
  readonly dropped: { readonly [cause: string]: number };
}

/** Runs operators as a job, over two subtasks: rows of a stream, or of a changelog whose changes are applied. */
export async function runReplay<T>(
  { records, timeOf, outOfOrderMs }: Replay<T>,
  operators: (stream: DataStream<T>) => Gathered,
): Promise<Outcome> {
  const there = new Rows();
  const job = defineJob('oracle', (env) => {
    const source = env
      .source(fromArray(records))
      .watermarks(boundedOutOfOrderness(outOfOrderMs, (record) => timeOf(record as T)));
    const built = operators(source as DataStream<T>);
    built.forEach((record) => (isChange(record) ? there.change(record) : there.add(record, 1)));
  });
  const { dropped } = await executeJob(job, { parallelism: PARALLELISM });
  return { rows: there.sorted(), dropped };
}

/**
 * The same in the operator harness: every few batches the operators are thrown away, and others, at another parallelism, go on from their snapshot.
 * The watermark follows each batch. They are one keyed operator, and what is chained to it.
 */
export async function restoredRows<T>(
  replay: Replay<T>,
  operators: (stream: DataStream<T>) => Gathered,
): Promise<readonly string[]> {
  return runLives(replay, operators, (value) => [value]);
}

/** As {@link restoredRows}, of operators over two streams, each of which has all records. */
export async function restoredJoinRows<T>(
  replay: Replay<T>,
  operators: (left: DataStream<T>, right: DataStream<T>) => Gathered,
): Promise<readonly string[]> {
  return runLives<T, SidedValue<T, T>>(replay, { ofTwo: operators as never }, (value) => [
    { side: 'left', value },
    { side: 'right', value },
  ]);
}

async function runLives<T, Sent>(
  { records, timeOf, outOfOrderMs }: Replay<T>,
  operators: OperatorsUnderTest<Sent>,
  sentFor: (record: T) => readonly Sent[],
): Promise<readonly string[]> {
  const there = new Rows();
  const gather = (harness: ChainHarness<Sent>): void => {
    for (const { record } of harness.emitted) {
      if (isChange(record)) there.change(record);
      else there.add(record, 1);
    }
  };
  let harness = await ChainHarness.open<Sent>({ operators, parallelism: 1 });
  let greatestMs = -Infinity;
  for (let from = 0, batch = 1; from < records.length; from += BATCH_RECORDS, batch++) {
    const read = records.slice(from, from + BATCH_RECORDS);
    harness.send(read.flatMap((record) => sentFor(record).map((value) => ({ value, atMs: timeOf(record) }))));
    greatestMs = read.reduce((greatest, record) => Math.max(greatest, timeOf(record)), greatestMs);
    harness.watermark(greatestMs - outOfOrderMs);
    if (batch % BATCHES_PER_LIFE !== 0) continue;
    const life = batch / BATCHES_PER_LIFE;
    const restore = await harness.snapshot(life);
    gather(harness);
    await harness.close();
    harness = await ChainHarness.open<Sent>({
      operators,
      parallelism: 1 + (life % 3),
      restore,
      blobStore: harness.blobStore,
      attemptNumber: life + 1,
    });
  }
  harness.endInput();
  gather(harness);
  await harness.close();
  return there.sorted();
}

/** DuckDB's rows. */
export async function duckRows(sql: string, setUp?: string): Promise<readonly string[]> {
  return (await askDuck(sql, setUp)).map(textOf).sort();
}

interface Change {
  readonly kind: string;
  readonly row: unknown;
}

/** No row of a stream has these fields. */
function isChange(record: unknown): record is Change {
  return 'kind' in (record as object) && 'row' in (record as object);
}

/** A multiset of rows. */
class Rows {
  readonly #times = new Map<string, number>();

  add(row: unknown, times: number): void {
    const text = textOf(row);
    const left = (this.#times.get(text) ?? 0) + times;
    if (left === 0) this.#times.delete(text);
    else this.#times.set(text, left);
  }

  change({ kind, row }: Change): void {
    this.add(row, kind === 'insert' || kind === 'updateAfter' ? 1 : -1);
  }

  sorted(): readonly string[] {
    return [...this.#times]
      .flatMap(([text, times]) =>
        times > 0
          ? Array.from({ length: times }, () => text)
          : [`taken back ${-times} times too often: ${text}`],
      )
      .sort();
  }
}

/** Fields in one order, absent ones as null; fractions as far as sums in another order agree. */
export function textOf(row: unknown): string {
  const entries = Object.entries(row as Record<string, unknown>).map(([name, value]): [string, unknown] => [
    name,
    typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(10)) : (value ?? null),
  ]);
  return JSON.stringify(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}
