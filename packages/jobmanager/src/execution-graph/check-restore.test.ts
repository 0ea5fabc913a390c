import { asJobId } from '@millrace/common';
import type { CheckpointMetadata, OperatorSnapshot, StreamNodeJson } from '@millrace/proto';
import { expect, test } from 'vitest';
import { compileJobGraph } from '../compiler/compile-job-graph.ts';
import { forward, graph, hash, node } from '../test-kit/graphs.testing.ts';
import { checkRestore } from './check-restore.ts';
import { describeOperators } from './describe-operator.ts';
import { planRestore } from './restore-plan.ts';
import { reportRestore } from './restore-report.ts';

const hour = { kind: 'tumbling', sizeMs: 3_600_000 };
const counted = { flights: 'count', delay: 'sum' };

function windowNode(more: Partial<StreamNodeJson> = {}): StreamNodeJson {
  return {
    ...node(2, 'window', [hash(1)], { uid: 'delays' }),
    name: 'window',
    state: [{ name: 'window', kind: 'value' }],
    options: { assigner: hour, allowedLatenessMs: 0, function: 'aggregate', aggregates: counted },
    ...more,
  };
}

/** source → map → window → process → sink; `change` makes another version of the program. */
function program(
  change: { readonly window?: StreamNodeJson; readonly process?: Partial<StreamNodeJson> } = {},
) {
  const process = {
    ...node(3, 'process', [hash(2)], { uid: 'top' }),
    name: 'top',
    state: [
      { name: 'best', kind: 'list' as const },
      { name: 'seen', kind: 'value' as const },
    ],
    options: { isKeyed: true },
    ...change.process,
  };
  return compileJobGraph(
    graph(
      [
        node(0, 'source'),
        node(1, 'map', [forward(0)]),
        change.window ?? windowNode(),
        process,
        node(4, 'sink', [forward(3)]),
      ],
      { parallelism: 2 },
    ),
  );
}

function keyed(nodeId: number, uid: string, bytes: number): OperatorSnapshot {
  return { nodeId, uid, keyedFiles: [{ name: uid, kind: 'base', bytes, crc32: 0, runs: [] }] };
}

/** What `program()` left, at parallelism 2. */
function savepoint(): CheckpointMetadata {
  const jobGraph = program();
  const operatorsOf: Readonly<Record<number, readonly OperatorSnapshot[]>> = {
    0: [{ nodeId: 0, uid: 'source-0', keyedFiles: [], inline: { version: 1, splits: [] } }],
    2: [keyed(2, 'delays', 100)],
    3: [
      keyed(3, 'top', 10),
      {
        nodeId: 4,
        uid: 'sink-4',
        keyedFiles: [],
        inline: { subtaskIndex: 0, pending: [{ checkpointId: 7, committables: ['a'] }] },
      },
    ],
  };
  return {
    version: 1,
    jobId: asJobId('0'.repeat(32)),
    jobName: 'flights',
    runId: 'r',
    epoch: 1,
    checkpointId: 7,
    timestampMs: 0,
    keyGroupCount: 720,
    isFinal: false,
    vertices: jobGraph.vertices.map((vertex) => ({
      ...vertex,
      subtasks: Array.from({ length: vertex.parallelism }, (_, subtaskIndex) => ({
        subtaskIndex,
        parallelism: vertex.parallelism,
        watermarkMs: 5,
        operators: operatorsOf[vertex.nodeIds[0] ?? 0] ?? [],
        newBytes: 0,
        totalBytes: 0,
      })),
    })),
    output: [],
    operators: describeOperators(jobGraph),
    savepoint: { isDrained: false },
  };
}

test('a program with other functions, names, lateness and one more state starts from the savepoint', () => {
  const window = windowNode({ name: 'delays by hour' });
  const options = { ...window.options, allowedLatenessMs: 60_000 };
  const state = [
    { name: 'best', kind: 'list' as const },
    { name: 'more', kind: 'map' as const },
  ];
  const jobGraph = program({ window: { ...window, options }, process: { state } });
  expect(() => checkRestore(jobGraph, savepoint(), {})).not.toThrow();
});

test('an operator that keeps its uid and changes what its state means is refused, with what changed', () => {
  const refusal = (change: Parameters<typeof program>[0]) => () =>
    checkRestore(program(change), savepoint(), {});
  const { options } = windowNode();
  expect(refusal({ window: windowNode({ kind: 'reduce', options: {} }) })).toThrow(
    'operator "delays" was a window and is a reduce. Give it another uid and allow that its old state is given up (--allow-non-restored-state)',
  );
  expect(
    refusal({ window: windowNode({ options: { ...options, assigner: { ...hour, sizeMs: 60_000 } } }) }),
  ).toThrow(
    'had the assigner {"kind":"tumbling","sizeMs":3600000} and has {"kind":"tumbling","sizeMs":60000}',
  );
  const swapped = { delay: 'sum', flights: 'count' };
  expect(refusal({ window: windowNode({ options: { ...options, aggregates: swapped } }) })).toThrow(
    /had the aggregates .* and has /,
  );
  expect(refusal({ process: { state: [{ name: 'best', kind: 'map' }] } })).toThrow(
    'operator "top" had "best" as list state and has it as map state',
  );
  expect(refusal({ process: { options: { isKeyed: false } } })).toThrow('had the isKeyed true and has false');
});

test('values of another version need a migration, a TTL may come and go, a new name has one past', () => {
  const restore = (state: StreamNodeJson['state'], old: StreamNodeJson['state']) => () => {
    const was = savepoint();
    const operators = was.operators?.map((operator) =>
      operator.uid === 'top' ? { ...operator, state: old } : operator,
    );
    checkRestore(program({ process: { state } }), { ...was, ...(operators && { operators }) }, {});
  };
  const seen = { name: 'seen', kind: 'value' } as const;
  expect(restore([{ ...seen, version: 3, from: [1, 2] }], [seen])).not.toThrow();
  expect(restore([{ ...seen, version: 3, from: [2] }], [{ ...seen, version: 2 }])).not.toThrow();
  expect(restore([{ ...seen, version: 2 }], [seen])).toThrow(
    'Cannot restore checkpoint 7: state "seen" of operator "top" has version 1, and the job has version 2. Declare how its values become those of version 2: from: { 1: (old) => … }',
  );
  expect(restore([seen], [{ ...seen, version: 2 }])).toThrow('Restore with a job that knows version 2');
  const ttl = {
    ttlMs: 1,
    time: 'event',
    update: 'onCreateAndWrite',
    visibility: 'neverReturnExpired',
  } as const;
  expect(restore([{ ...seen, ttl: { ...ttl, ttlMs: 2 } }], [{ ...seen, ttl }])).not.toThrow();
  expect(restore([{ ...seen, ttl }], [seen])).not.toThrow();
  expect(restore([seen], [{ ...seen, ttl }])).not.toThrow();
  const known = { name: 'known', kind: 'value', renamedFrom: 'seen' } as const;
  expect(restore([known], [seen])).not.toThrow();
  expect(restore([known], [{ ...seen, name: 'known' }])).not.toThrow();
  expect(restore([known], [seen, { ...seen, name: 'known' }])).toThrow(
    'had states "seen" and "known" and has both as "known": leave out its `renamedFrom`',
  );
  expect(restore([{ ...known, kind: 'list' }], [seen])).toThrow(
    'had "seen" as value state and has it as list',
  );
  expect(restore([known], [{ ...seen, version: 2 }])).toThrow('has version 2, and the job has version 1');
});

test('a restore says which states are migrated', () => {
  const seen = { name: 'seen', kind: 'value' } as const;
  const jobGraph = program({ process: { state: [{ ...seen, version: 2, from: [1] }] } });
  const { operators } = reportRestore(jobGraph, savepoint(), '/savepoint');
  expect(operators.find(({ uid }) => uid === 'top')?.state).toContain('value seen v1 → v2');
  const renamed = program({ process: { state: [{ name: 'known', kind: 'value', renamedFrom: 'seen' }] } });
  const states = reportRestore(renamed, savepoint(), '/savepoint').operators;
  expect(states.find(({ uid }) => uid === 'top')?.state).toContain('value seen → known');
});

test('state that finds no operator names the one that it probably is now, and can be given up', () => {
  const jobGraph = program({ window: windowNode({ uid: 'delays-2' }) });
  expect(() => checkRestore(jobGraph, savepoint(), {})).toThrow(
    `it has state of operator "delays", which the job does not have. "delays-2" is probably it now: give it the uid, .uid('delays').`,
  );
  const plan = planRestore(jobGraph, savepoint(), { isNonRestoredStateAllowed: true });
  const window = jobGraph.vertices.find(({ nodeIds }) => nodeIds.includes(2));
  if (window === undefined) throw new Error('no window');
  expect(plan.restoreOf(window, 0)).toBeUndefined();
});

test('the report shows every operator of either side', () => {
  const jobGraph = program({ window: windowNode({ uid: 'delays-2' }) });
  expect(reportRestore(jobGraph, savepoint(), '/s')).toEqual({
    path: '/s',
    jobName: 'flights',
    checkpointId: 7,
    isSavepoint: true,
    isDrained: false,
    operators: [
      { uid: 'source-0', oldName: 'source 0', name: 'source 0', from: 2, to: 2, state: ['splits'], bytes: 0 },
      { uid: 'map-1', oldName: 'map 1', name: 'map 1', from: 2, to: 2, state: [], bytes: 0 },
      { uid: 'delays-2', oldName: '', name: 'window', from: 0, to: 2, state: [], bytes: 0 },
      {
        uid: 'top',
        oldName: 'top',
        name: 'top',
        from: 2,
        to: 2,
        state: ['list best', 'value seen'],
        bytes: 10,
      },
      { uid: 'sink-4', oldName: 'sink 4', name: 'sink 4', from: 2, to: 2, state: ['transactions'], bytes: 0 },
      { uid: 'delays', oldName: 'window', name: '', from: 2, to: 0, state: ['value window'], bytes: 100 },
    ],
  });
});

const over = { aggregates: { sum: 'sum' }, order: 'eventTime', frame: 'rows', preceding: 9, input: 'append' };
const aggregate = { aggregates: counted, input: 'append', emit: 'update', generateUpdateBefore: true };
const first = { limit: 3, order: 'desc', input: 'append', generateUpdateBefore: true };

test.each([
  ['over', over, { aggregates: { sum: 'sum', count: 'count' } }, 'aggregates'],
  ['over', over, { preceding: 'unbounded' }, 'preceding'],
  ['topN', first, { limit: 5 }, 'limit'],
  ['topN', first, { input: 'retract' }, 'input'],
  ['deduplicate', { keep: 'first', time: 'event', output: 'append' }, { keep: 'last' }, 'keep'],
  ['groupAggregate', aggregate, { stateTtlMs: 60_000 }, 'stateTtl'],
  ['groupAggregate', { ...aggregate, miniBatch: { recordsMax: 9 } }, { miniBatch: undefined }, 'miniBatch'],
  ['join', { join: 'table', leftTtlMs: 0, rightTtlMs: 0 }, { leftTtlMs: 60_000 }, 'leftStateTtl'],
  ['percolate', { time: 'event' }, { time: undefined }, 'time'],
] as const)(
  'a %s whose state would mean something else is refused: %j, %j',
  (kind, before, change, named) => {
    const versionOf = (options: StreamNodeJson['options']) =>
      program({
        window: windowNode({
          kind,
          state: [{ name: kind, kind: 'value' }],
          options,
          inputs: kind === 'join' || kind === 'percolate' ? [hash(1), hash(1)] : [hash(1)],
        }),
      });
    const left = { ...savepoint(), operators: describeOperators(versionOf(before)) };
    expect(() => checkRestore(versionOf(before), left, {})).not.toThrow();
    const changed = { ...before, ...change } as unknown as StreamNodeJson['options'];
    expect(() => checkRestore(versionOf(changed), left, {})).toThrow(named);
  },
);

test('how long state is kept may change', () => {
  const options = { ...aggregate, stateTtlMs: 60_000 };
  const versionOf = (more: StreamNodeJson['options']) =>
    program({
      window: windowNode({
        kind: 'groupAggregate',
        state: [{ name: 'groupAggregate', kind: 'value' }],
        options: { ...options, ...more },
      }),
    });
  const left = { ...savepoint(), operators: describeOperators(versionOf({})) };
  expect(() => checkRestore(versionOf({ stateTtlMs: 90_000 }), left, {})).not.toThrow();
});
