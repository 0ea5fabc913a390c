// A source of records in memory whose splits open and read as slowly as a test wants.
import { sourceBrand, type Source, type Split, type StreamGraph } from '@millrace/api';
import type { TimerPort } from '@millrace/common';
import type { JobEdge } from '@millrace/proto';
import { testOptions, vertex, type TestJob } from './slot-harness.testing.ts';
import type { TestRecord } from './stub-chain.testing.ts';

export interface TestSourceOptions {
  readonly splits: readonly (readonly TestRecord[])[];
  readonly isOrdered?: boolean;
  readonly boundedness?: 'bounded' | 'unbounded';
  /** Unset: readers answer at once, synchronously. */
  readonly timers?: TimerPort;
  readonly openDelayMs?: (split: number) => number;
  readonly readDelayMs?: () => number;
  readonly rowsMax?: number;
}

export function testSource(options: TestSourceOptions): Source<TestRecord> {
  const { timers, rowsMax = 10 } = options;
  const after = <T>(delayMs: number, value: T): T | Promise<T> =>
    timers === undefined ? value : new Promise((resolve) => timers.schedule(delayMs, () => resolve(value)));
  return {
    [sourceBrand]: 1,
    name: 'test source',
    boundedness: options.boundedness ?? 'bounded',
    isOrdered: options.isOrdered ?? false,
    describe: () => ({}),
    enumerate: () =>
      options.splits.map((records, index): Split => ({
        id: `split-${index}`,
        index,
        weight: records.length,
      })),
    openSplit(split, position, _context) {
      const index = Number(split['index']);
      const records = options.splits[index] ?? [];
      let next = Number(position ?? 0);
      return after(options.openDelayMs?.(index) ?? 0, {
        read(recordsMax: number) {
          if (next >= records.length && options.boundedness !== 'unbounded')
            return after(options.readDelayMs?.() ?? 0, undefined);
          const to = Math.min(records.length, next + Math.min(recordsMax, rowsMax));
          const batch = {
            kind: 'records',
            records: records.slice(next, to),
            position: to,
            weightRead: to,
          } as const;
          next = to;
          return after(options.readDelayMs?.() ?? 0, batch);
        },
      });
    },
  };
}

/** Enumerator → source (parallelism p) → sink (parallelism q) by key. */
export function sourceToSink(
  source: Source<TestRecord>,
  parallelism: { readonly source: number; readonly sink: number },
  watermarks: { readonly boundMs: number; readonly ratePerSecond?: number } = { boundMs: 0 },
): TestJob {
  const enumerator = vertex('enumerator', [0], 1);
  const reader = vertex('source', [0], parallelism.source);
  const sink = vertex('operator', [1], parallelism.sink);
  const graph: StreamGraph = {
    version: 1,
    name: 'test',
    options: testOptions,
    nodes: [
      {
        id: 0,
        uid: 'node-0',
        isUidExplicit: false,
        name: 'source',
        inputs: [],
        operator: {
          kind: 'source',
          source,
          onMalformed: { action: 'fail' },
          watermarks: {
            kind: 'bounded',
            boundMs: watermarks.boundMs,
            timestamp: (record: TestRecord) => record.t,
          },
          ...(watermarks.ratePerSecond === undefined ? {} : { ratePerSecond: watermarks.ratePerSecond }),
        },
      },
      {
        id: 1,
        uid: 'node-1',
        isUidExplicit: false,
        name: 'sink',
        inputs: [{ from: 0, partitioning: 'hash' }],
        operator: { kind: 'forEach', forEach: () => {} },
      },
    ],
  };
  const edge = (
    edgeId: number,
    from: typeof reader,
    to: typeof reader,
    partitioning: JobEdge['partitioning'],
  ): JobEdge => ({
    edgeId,
    fromVertex: from.vertexId,
    fromNode: 0,
    toVertex: to.vertexId,
    toNode: to.nodeIds[0] ?? 0,
    partitioning,
    isPreAggregated: false,
  });
  return {
    graph,
    vertices: [enumerator, reader, sink],
    edges: [edge(0, enumerator, reader, 'assignment'), edge(1, reader, sink, 'hash')],
  };
}

/** Splits of `rows` records each whose times go up from split to split. */
export function orderedSplits(splitCount: number, rows: number): TestRecord[][] {
  return Array.from({ length: splitCount }, (_, split) =>
    Array.from({ length: rows }, (_unused, row) => ({ t: split * rows + row, key: (split * 7 + row) % 5 })),
  );
}
