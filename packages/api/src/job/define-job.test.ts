import { isMillraceError } from '@millrace/common';
import type { SubmissionContext } from '@millrace/proto';
import { describe, expect, test } from 'vitest';
import { count, topN } from '../aggregate/aggregates.ts';
import { jobBrand, sinkBrand } from '../brand.ts';
import type { Sink } from '../connector/sink.ts';
import { outputTag, type OutputTag } from '../function/output-tag.ts';
import { describeStreamGraph } from '../graph/describe-stream-graph.ts';
import type { StreamGraph } from '../graph/stream-graph.ts';
import { fromArray } from '../source/from-array.ts';
import { generate } from '../source/generate.ts';
import { listState, mapState, valueState } from '../state/keyed-state.ts';
import { boundedOutOfOrderness } from '../watermark/watermarks.ts';
import { endOfInput, sliding, tumbling } from '../window/windows.ts';
import { defineJob } from './define-job.ts';
import type { StreamEnvironment } from './stream-environment.ts';
import type { DataStream } from '../stream/data-stream.ts';
import type { KeyedStream } from '../stream/keyed-stream.ts';

const submission: SubmissionContext = {
  args: ['--day', '3'],
  params: { day: '3' },
  environment: {},
  baseDirectory: '/base',
};
const clicks = [{ user: 'ada', at: 1, page: 'home' }];
type Click = (typeof clicks)[number];

function plan(build: (env: StreamEnvironment) => void): StreamGraph {
  return defineJob('test', build).plan(submission);
}

function clickStream(env: StreamEnvironment) {
  return env.source(fromArray(clicks)).watermarks(boundedOutOfOrderness('1 s', (click) => click.at));
}

const discard: Sink<unknown> = {
  [sinkBrand]: 1,
  name: 'discard',
  describe: () => ({ path: 'out' }),
  openWriter: () => ({ write() {}, prepareCommit: () => [], close() {} }),
};

describe('defineJob', () => {
  test('a job carries the brand and plans the same graph each time', () => {
    const job = defineJob(
      'clicks',
      (env) =>
        void clickStream(env)
          .map((click) => click.page)
          .print(),
    );
    expect(job[jobBrand]).toBe(1);
    expect(describeStreamGraph(job.plan(submission))).toEqual(describeStreamGraph(job.plan(submission)));
  });

  test('a graph names operators, edges and the functions themselves, unwrapped', () => {
    const byUser = (click: { readonly user: string }) => click.user;
    const onlyHome = (click: { readonly page: string }) => click.page === 'home';
    const graph = plan((env) => {
      clickStream(env)
        .filter(onlyHome)
        .name('home only')
        .keyBy(byUser)
        .window(tumbling('1 hour'))
        .aggregate({ clicks: count() })
        .sink(discard)
        .uid('out');
    });
    expect(
      graph.nodes.map(({ id, name, operator, inputs }) => [
        id,
        name,
        operator.kind,
        inputs.map((edge) => [edge.from, edge.partitioning]),
      ]),
    ).toEqual([
      [0, 'fromArray', 'source', []],
      [1, 'home only', 'filter', [[0, 'forward']]],
      [2, 'tumbling window', 'window', [[1, 'hash']]],
      [3, 'discard', 'sink', [[2, 'forward']]],
    ]);
    expect(graph.nodes[1]?.operator).toMatchObject({ filter: onlyHome });
    expect(graph.nodes[2]?.inputs[0]).toMatchObject({ keySelector: byUser, isPreAggregated: true });
    expect(graph.nodes[3]).toMatchObject({ uid: 'out', isUidExplicit: true });
  });

  test('watermarks directly behind a source belong to it, elsewhere they are an operator', () => {
    const atSource = plan((env) => void clickStream(env).print());
    expect(atSource.nodes.map((node) => node.operator.kind)).toEqual(['source', 'print']);
    expect(atSource.nodes[0]?.operator).toMatchObject({ watermarks: { kind: 'bounded', boundMs: 1_000 } });
    const later = plan(
      (env) =>
        void env
          .source(fromArray(clicks))
          .filter(() => true)
          .watermarks(boundedOutOfOrderness(5, (click) => click.at))
          .print(),
    );
    expect(later.nodes.map((node) => node.operator.kind)).toEqual([
      'source',
      'filter',
      'watermarks',
      'print',
    ]);
  });

  test('the JSON form has options and state but no function', () => {
    const late = outputTag<{ user: string; at: number; page: string }>('late');
    const json = describeStreamGraph(
      plan((env) => {
        const byUser = clickStream(env).keyBy((click) => click.user);
        byUser
          .process({
            state: { a: valueState<number>(), b: listState<string>(), c: mapState<string, number>() },
            onRecord: () => [],
          })
          .print();
        const windows = byUser
          .window(sliding('1 hour', '5 minutes', { offset: '1 minute' }))
          .allowedLateness('10 s')
          .sideOutputLateData(late)
          .aggregate({ top: topN(2, { by: (click) => click.at }) });
        windows.print({ as: 'table', title: 'Top' });
        windows.sideOutput(late).sink(discard);
      }),
    );
    expect(json.nodes[1]?.state).toEqual([
      { name: 'a', kind: 'value' },
      { name: 'b', kind: 'list' },
      { name: 'c', kind: 'map' },
    ]);
    expect(json.nodes[3]?.options).toEqual({
      assigner: {
        kind: 'sliding',
        timeDomain: 'event',
        sizeMs: 3_600_000,
        slideMs: 300_000,
        offsetMs: 60_000,
      },
      allowedLatenessMs: 10_000,
      lateOutput: 'late',
      trigger: 'event time',
      emit: 'append',
      strategy: 'slices',
      function: 'aggregate',
      aggregates: { top: 'topN 2' },
    });
    expect(json.nodes[3]?.inputs).toEqual([{ from: 0, partitioning: 'hash' }]);
    expect(json.nodes[5]?.inputs).toEqual([{ from: 3, partitioning: 'forward', sideOutput: 'late' }]);
    expect(JSON.parse(JSON.stringify(json))).toEqual(json);
    expect(JSON.stringify(json)).not.toContain('=>');
  });

  test('a window aggregates before the exchange unless it is in processing time, has a late output or another function', () => {
    const graph = plan((env) => {
      const byUser = clickStream(env).keyBy((click) => click.user);
      byUser.window(endOfInput()).aggregate({ n: count() }).print();
      byUser
        .window(tumbling(5, { time: 'processing' }))
        .aggregate({ n: count() })
        .print();
      byUser.window(tumbling(5)).sideOutputLateData(outputTag('late')).aggregate({ n: count() }).print();
      byUser
        .window(tumbling(5))
        .reduce((a) => a)
        .print();
      byUser.aggregate({ n: count() }).print();
    });
    expect([1, 3, 5, 7, 9].map((id) => graph.nodes[id]?.inputs[0]?.isPreAggregated ?? false)).toEqual([
      true,
      false,
      false,
      false,
      false,
    ]);
  });

  test('an edge between operators of different parallelism rebalances', () => {
    const graph = plan((env) => {
      const pages = env
        .source(fromArray(clicks))
        .map((click) => click.page)
        .parallelism(2);
      pages
        .filter(() => true)
        .parallelism(2)
        .print()
        .parallelism(1);
      pages.broadcast().forEach(() => {});
      pages.global().print();
    });
    expect(graph.nodes.map((node) => node.inputs[0]?.partitioning)).toEqual([
      undefined,
      'rebalance',
      'forward',
      'rebalance',
      'broadcast',
      'global',
    ]);
  });

  test('union and join make one node each, with their sources', () => {
    const airports = fromArray([{ iata: 'BOS', city: 'Boston' }], { name: 'airports' });
    const graph = plan((env) => {
      const a = env.source(fromArray([{ from: 'BOS' }], { name: 'a' }));
      const b = env.source(fromArray([{ from: 'JFK' }], { name: 'b' }));
      a.union(b)
        .join(airports, {
          recordKey: (flight) => flight.from,
          tableKey: (row) => row.iata,
          type: 'left',
          select: (flight, row) => ({ ...flight, city: row?.city }),
        })
        .print();
    });
    expect(graph.nodes[2]?.inputs.map((edge) => edge.from)).toEqual([0, 1]);
    expect(graph.nodes[3]).toMatchObject({
      name: 'join airports',
      operator: { kind: 'staticJoin', joinType: 'left', table: airports },
    });
  });

  test('job options come from defineJob and from the environment, parameters from the submission', () => {
    const job = defineJob(
      'options',
      (env) => {
        env.options({ keyGroups: 100, parallelism: env.params.number('day') });
        env.source(generate({ ratePerSecond: 5 }, (index) => index)).print();
      },
      { keyGroups: 50, checkpoint: { interval: '1 s' } },
    );
    const graph = job.plan(submission);
    expect(graph.options).toMatchObject({ keyGroupCount: 100, parallelism: 3, checkpointIntervalMs: 1_000 });
    expect(graph.nodes[0]?.operator).toMatchObject({ ratePerSecond: 5 });
  });
});

describe('a job is refused when it is built', () => {
  /** Code and message of the error. */
  const refusal = (build: (env: StreamEnvironment) => void): string => {
    try {
      plan(build);
      return 'none';
    } catch (error) {
      return isMillraceError(error) ? `${error.code}: ${error.message}` : String(error);
    }
  };

  test('without operators, and without an end', () => {
    expect(refusal(() => {})).toMatch(/^MR_NO_GRAPH: .*env.source/);
    expect(refusal((env) => void clickStream(env).map((click) => click))).toMatch(
      /^MR_NO_GRAPH: .*writes nothing/,
    );
  });

  test('with two operators of one uid', () => {
    expect(
      refusal(
        (env) =>
          void clickStream(env)
            .map((click) => click)
            .uid('a')
            .print()
            .uid('a'),
      ),
    ).toMatch(/^MR_DUPLICATE_UID: .*"a" to "map" and "print"/);
  });

  test('with windows that never fire', () => {
    expect(
      refusal(
        (env) =>
          void env
            .source(fromArray(clicks))
            .keyBy((click) => click.user)
            .window(tumbling('1 h'))
            .aggregate({ n: count() })
            .print(),
      ),
    ).toMatch(/^MR_GRAPH_INVALID: .*no watermarks reach it/);
    expect(
      refusal(
        (env) =>
          void clickStream(env)
            .union(env.source(fromArray(clicks)))
            .keyBy((click) => click.user)
            .window(tumbling('1 h'))
            .aggregate({ n: count() })
            .print(),
      ),
    ).toMatch(/^MR_GRAPH_INVALID: .*no watermarks reach it/);
    expect(
      refusal(
        (env) =>
          void env
            .source(generate({}, (index) => index))
            .keyBy((n) => n)
            .window(endOfInput())
            .aggregate({ n: count() })
            .print(),
      ),
    ).toMatch(/^MR_GRAPH_INVALID: .*waits for the end of input/);
  });

  test('with the name of a side output in the place of its tag', () => {
    const name = 'late' as unknown as OutputTag<unknown>;
    const windows = (env: StreamEnvironment) =>
      clickStream(env)
        .keyBy((click) => click.user)
        .window(tumbling(5));
    expect(refusal((env) => void windows(env).sideOutputLateData(name))).toMatch(
      /^MR_OPTION_INVALID: .*"late" in sideOutputLateData\(\)/,
    );
    expect(refusal((env) => void windows(env).aggregate({ n: count() }).sideOutput(name))).toMatch(
      /^MR_OPTION_INVALID: .*"late" in sideOutput\(\)/,
    );
    expect(refusal((env) => void clickStream(env).sort({ lateOutput: name }))).toMatch(
      /^MR_OPTION_INVALID: .*"late" in `lateOutput` of sort\(\)/,
    );
  });

  test('with a side output that nobody sends to', () => {
    const tag = outputTag<number>('other');
    expect(
      refusal(
        (env) =>
          void clickStream(env)
            .keyBy((click) => click.user)
            .window(tumbling(5))
            .aggregate({ n: count() })
            .sideOutput(tag)
            .print(),
      ),
    ).toMatch(/^MR_GRAPH_INVALID: .*sideOutputLateData/);
    expect(
      refusal(
        (env) =>
          void clickStream(env)
            .map((click) => click)
            .sideOutput(tag)
            .print(),
      ),
    ).toMatch(/^MR_GRAPH_INVALID: .*process functions/);
    const reading = (build: (keyed: KeyedStream<string, Click>) => Pick<DataStream<Click>, 'sideOutput'>) =>
      refusal(
        (env) =>
          void build(clickStream(env).keyBy((click) => click.user))
            .sideOutput(tag)
            .print(),
      );
    const select = () => 1;
    expect(reading((keyed) => keyed.intervalJoin(keyed, { lower: 0, upper: 1, select }))).toMatch(
      /^MR_GRAPH_INVALID: .*leftLateOutput: tag/,
    );
    expect(reading((keyed) => keyed.join(keyed, { window: tumbling(5), select }))).toMatch(
      /^MR_GRAPH_INVALID: .*lateOutput: tag/,
    );
    expect(reading((keyed) => keyed.sort())).toMatch(/^MR_GRAPH_INVALID: .*lateOutput: tag/);
  });

  test('with an async function, which names the place', () => {
    const untyped = (async (click: unknown) => click) as unknown as (click: unknown) => string;
    expect(refusal((env) => void clickStream(env).map(untyped).print())).toMatch(
      /^MR_PROMISE_RETURNED: .*map\(\)/,
    );
    expect(
      refusal(
        (env) =>
          void clickStream(env)
            .keyBy((click) => click.user)
            .aggregate({ n: count(untyped as never) })
            .print(),
      ),
    ).toMatch(/^MR_PROMISE_RETURNED: .*(?:avg|count)/);
  });

  test('with a build function that is asynchronous or goes on afterwards', async () => {
    expect(refusal((async (env: StreamEnvironment) => void clickStream(env).print()) as never)).toMatch(
      /^MR_GRAPH_INVALID: .*asynchronous/,
    );
    let kept: StreamEnvironment | undefined;
    plan((env) => {
      kept = env;
      clickStream(env).print();
    });
    expect(() => kept?.source(fromArray([1]))).toThrowError(/graph is built/);
  });

  test('with options out of bounds, each named', () => {
    expect(refusal((env) => void clickStream(env).parallelism(1.5).print())).toMatch(
      /^MR_OPTION_INVALID: .*parallelism/,
    );
    expect(refusal((env) => void clickStream(env).parallelism(721).print())).toMatch(
      /^MR_OPTION_INVALID: .*720 key groups/,
    );
    expect(refusal(() => tumbling(-1))).toMatch(/^MR_OPTION_INVALID: .*length of a tumbling window/);
    expect(refusal(() => sliding('30 days', '7 ms'))).toMatch(/^MR_OPTION_INVALID: .*slices/);
    expect(
      refusal(
        (env) =>
          void clickStream(env)
            .keyBy((c) => c.user)
            .aggregate({ key: count() })
            .print(),
      ),
    ).toMatch(/^MR_OPTION_INVALID: .*(?:has a field|have a field)/);
    expect(refusal((env) => void env.source(fromArray(clicks), { watermark: 1 } as never).print())).toMatch(
      /^MR_OPTION_INVALID: .*Unknown option "watermark"/,
    );
    expect(
      refusal(
        (env) =>
          void clickStream(env)
            .map('x' as never)
            .print(),
      ),
    ).toMatch(/^MR_OPTION_INVALID: .*a function/);
    expect(refusal((env) => void clickStream(env).rebalance().uid('x').print())).toMatch(
      /^MR_GRAPH_INVALID: .*directly behind the operator/,
    );
  });

  test('with a stream of another job', () => {
    const other: { stream?: ReturnType<typeof clickStream> } = {};
    plan((env) => {
      other.stream = clickStream(env);
      other.stream.print();
    });
    expect(
      refusal(
        (env) =>
          void clickStream(env)
            .union(...(other.stream === undefined ? [] : [other.stream]))
            .print(),
      ),
    ).toMatch(/^MR_GRAPH_INVALID: .*another job/);
  });

  test('with a name that is no name', () => {
    expect(() => defineJob('', () => {})).toThrowError(/name of a job/);
    expect(() => defineJob('a\nb', () => {})).toThrowError(/control character/);
  });
});
