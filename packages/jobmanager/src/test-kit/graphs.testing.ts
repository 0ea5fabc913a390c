// Graphs for tests, written by hand.
import type {
  JobOptionsJson,
  OperatorKind,
  StreamEdgeJson,
  StreamGraphJson,
  StreamNodeJson,
} from '@millrace/proto';

const testOptions: JobOptionsJson = {
  autoScaling: { settlingMs: 2_000, minIntervalMs: 10_000, lossWaitMs: 3_000 },
  keyGroupCount: 720,
  checkpointIntervalMs: 1_000,
  checkpointTimeoutMs: 10_000,
  checkpointMinPauseMs: 100,
  checkpointsRetainedMax: 3,
  checkpointFailuresTolerated: 0,
  checkpointMode: 'exactly-once',
  isStateKeptOnCancel: false,
  bufferTimeoutMs: 10,
  isChainingEnabled: true,
  restart: {
    type: 'exponential-delay',
    initialMs: 100,
    maxMs: 1_000,
    multiplier: 2,
    jitter: 0,
    resetAfterMs: 60_000,
    attemptsMax: 5,
  },
  prepareTimeoutMs: 120_000,
  stateCacheEntriesMax: 1_000,
  stateCacheBytesMax: 1_000_000,
  areNumbersWeighed: false,
};

type NodeOptions = Partial<Pick<StreamNodeJson, 'parallelism' | 'uid'>>;

/** A node whose inputs are given as `[from, partitioning]` or whole edges. */
export function node(
  id: number,
  kind: OperatorKind,
  inputs: readonly StreamEdgeJson[] = [],
  more: NodeOptions = {},
): StreamNodeJson {
  return {
    id,
    uid: `${kind}-${id}`,
    isUidExplicit: false,
    name: `${kind} ${id}`,
    kind,
    inputs,
    state: [],
    options: {},
    ...more,
  };
}

export const forward = (from: number): StreamEdgeJson => ({ from, partitioning: 'forward' });
export const hash = (from: number): StreamEdgeJson => ({ from, partitioning: 'hash' });

export function graph(
  nodes: readonly StreamNodeJson[],
  options: Partial<JobOptionsJson> = {},
): StreamGraphJson {
  return { version: 1, name: 'test', options: { ...testOptions, ...options }, nodes };
}

/** Two pipelines that no edge connects: source -> sink, and source -> map | window -> sink. */
export function twoRegionGraph(options: Partial<JobOptionsJson> = {}): StreamGraphJson {
  return graph(
    [
      node(0, 'source', [], { parallelism: 1 }),
      node(1, 'sink', [forward(0)], { parallelism: 1 }),
      node(2, 'source'),
      node(3, 'map', [forward(2)]),
      node(4, 'window', [hash(3)]),
      node(5, 'sink', [forward(4)]),
    ],
    options,
  );
}

/** source -> map | window -> sink: an enumerator, a source chain and a keyed chain. */
export function keyedGraph(options: Partial<JobOptionsJson> = {}): StreamGraphJson {
  return graph(
    [
      node(0, 'source'),
      node(1, 'map', [forward(0)]),
      node(2, 'window', [hash(1)]),
      node(3, 'sink', [forward(2)]),
    ],
    options,
  );
}

/** A source -> sink for each drift, all sources in the alignment group "g". */
export function alignedGraph(maxDriftsMs: readonly number[]): StreamGraphJson {
  const nodes = maxDriftsMs.flatMap((maxDriftMs, index) => {
    const watermarks = { kind: 'bounded', boundMs: 0, alignment: { group: 'g', maxDriftMs } };
    return [
      { ...node(index * 2, 'source', [], { parallelism: 1 }), options: { watermarks } },
      node(index * 2 + 1, 'sink', [forward(index * 2)], { parallelism: 1 }),
    ];
  });
  return graph(nodes);
}
