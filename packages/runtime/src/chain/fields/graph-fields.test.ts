import { expect, test } from 'vitest';
import {
  boundedOutOfOrderness,
  count,
  defineJob,
  fromArray,
  outputTag,
  sum,
  topN,
  tumbling,
  type DataStream,
  type StreamGraph,
} from '@millrace/api';
import { edgeFields } from './graph-fields.ts';

interface Row {
  readonly a: number;
  readonly b: string;
  readonly at: number;
  readonly url: string;
}

/** What is read of the source's records by what `build` puts behind it. */
function fieldsOf(build: (rows: DataStream<Row>) => void): unknown {
  const job = defineJob('fields', (env) => build(env.source(fromArray<Row>([]))));
  const graph: StreamGraph = job.plan({ args: [], params: {}, environment: {}, baseDirectory: '/' });
  const fields = graph.nodes
    .filter((node) => node.inputs.some((input) => input.from === 0))
    .map((node) => edgeFields(graph, node, node.inputs.find((input) => input.from === 0) as never));
  return fields.map((one) => (typeof one === 'string' ? one : [...one].sort()));
}

const drop = (): undefined => undefined;

test('an operator that makes new records ends what is read', () => {
  expect(fieldsOf((rows) => rows.map((row) => row.a).forEach((n) => n + 1))).toEqual([['a']]);
  expect(fieldsOf((rows) => rows.forEach(drop))).toEqual(['none']);
  expect(fieldsOf((rows) => rows.print())).toEqual(['all']);
  expect(fieldsOf((rows) => rows.print({ format: (row) => row.b }))).toEqual([['b']]);
});

test('a filter and what is behind it read together, each consumer by itself', () => {
  expect(
    fieldsOf((rows) => {
      const kept = rows.filter((row) => row.a > 1);
      kept.map((row) => row.b).forEach(drop);
      kept.union(rows).forEach(({ url }) => void url);
    }),
  ).toEqual([['a', 'b', 'url'], ['url']]);
});

test('keyed operators read their key, and what their functions read', () => {
  const keyed = (rows: DataStream<Row>) => rows.keyBy((row) => row.b);
  expect(
    fieldsOf((rows) =>
      keyed(rows)
        .aggregate({ n: count(), s: sum((row) => row.a) })
        .forEach(drop),
    ),
  ).toEqual([['a', 'b']]);
  expect(
    fieldsOf((rows) =>
      keyed(rows)
        .aggregate({ top: topN(2, { by: (row) => row.a, select: (row) => row.url }) })
        .forEach(drop),
    ),
  ).toEqual([['a', 'b', 'url']]);
  expect(
    fieldsOf((rows) =>
      keyed(rows)
        .aggregate({ top: topN(2, { by: (row) => row.a }) })
        .forEach(drop),
    ),
  ).toEqual(['all']);
  expect(
    fieldsOf((rows) =>
      keyed(rows)
        .reduce((a) => a)
        .forEach(drop),
    ),
  ).toEqual(['all']);
  expect(
    fieldsOf((rows) =>
      keyed(rows)
        .process({ onRecord: (row) => [row.url] })
        .forEach(drop),
    ),
  ).toEqual([['b', 'url']]);
});

test('a window reads its aggregates, and for late records what their side output reads', () => {
  const late = outputTag<Row>('late');
  const window = (rows: DataStream<Row>) =>
    rows
      .watermarks(boundedOutOfOrderness(0, (row) => row.at))
      .keyBy((row) => row.b)
      .window(tumbling('1 hour'));
  expect(fieldsOf((rows) => window(rows).aggregate({ n: count() }).forEach(drop))).toEqual([['b']]);
  expect(
    fieldsOf((rows) => {
      const counts = window(rows).sideOutputLateData(late).aggregate({ n: count() });
      counts.forEach(drop);
      counts.sideOutput(late).forEach((row) => void row.url);
    }),
  ).toEqual([['b', 'url']]);
});
