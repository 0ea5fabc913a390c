// Reads files through their sources, without a job.
import type { Source, SplitContext } from '@millrace/api';
import { nodeFilePort } from '@millrace/common/node';

const BATCH = 4_096;
/** Of the CSV of bids. */
export const NUMBERS = { auction: 'number', bidder: 'number', price: 'number', dateTime: 'number' } as const;
export const FLIGHT_FIELDS: readonly string[] = ['date', 'delay', 'distance', 'origin', 'destination'];
/** How reading and writing is compared: by CPU time, as other threads do their part. */
export const SHARED = {
  clock: 'cpu',
  unit: 'M records/CPU s',
  unitScale: 1e6,
  rounds: 3,
  warmUps: 1,
} as const;

/** Files that are read; all but the flights have the same bids. */
export interface Paths {
  readonly directory: string;
  readonly jsonl: string;
  readonly csv: string;
  /** Parquet: the group `bid` of Nexmark's events. */
  readonly events: string;
  /** Nexmark's events of all three kinds, as Parquet and as JSON lines. */
  readonly allEvents: string;
  readonly allEventsLines: string;
  readonly flights: string;
}

/** What a source of files needs; `fields`: those that the job reads. */
export function contextOf(baseDirectory: string, fields?: readonly string[]): SplitContext {
  const context = {
    files: nodeFilePort,
    baseDirectory,
    jobName: 'bench',
    subtaskIndex: 0,
    parallelism: 1,
  };
  return fields === undefined ? context : { ...context, fields };
}

/** Reads all splits as a source's task does, and makes each record with these fields. */
export async function readAll<T>(
  source: Source<T>,
  context: SplitContext,
  use: (record: T) => void,
): Promise<number> {
  let count = 0;
  for (const split of await source.enumerate(context)) {
    const reader = await source.openSplit(split, undefined, context);
    for (let batch = await reader.read(BATCH); batch !== undefined; batch = await reader.read(BATCH)) {
      if (batch.kind === 'records') {
        for (const record of batch.records) use(record);
        count += batch.records.length;
      } else if (batch.kind === 'columns') {
        const { columns, rowCount } = batch;
        // What the generated loop does: one literal of all columns.
        const make = recordMaker(columns.map(({ name }) => name));
        const values = columns.map((column) => column.values);
        for (let row = 0; row < rowCount; row++) use(make(values, row) as T);
        count += rowCount;
      } else throw new Error(`no source of files gives batches of ${batch.kind}`);
    }
    await reader.close?.();
  }
  return count;
}

const makers = new Map<string, (values: readonly unknown[], row: number) => unknown>();

function recordMaker(names: readonly string[]): (values: readonly unknown[], row: number) => unknown {
  const key = names.join();
  const known = makers.get(key);
  if (known !== undefined) return known;
  const fields = names.map((name, index) => `${JSON.stringify(name)}: v[${index}][row]`).join(', ');
  // oxlint-disable-next-line typescript/no-implied-eval -- names of our own columns
  const made = new Function('v', 'row', `return { ${fields} };`) as (
    values: readonly unknown[],
    row: number,
  ) => unknown;
  makers.set(key, made);
  return made;
}
