// A generated operator chain against the same operators as objects with a virtual `process`, six jobs loaded in both cases.
import { tmpdir } from 'node:os';
import { asJobId, executionAttemptId, keyGroupRange, silentLogger, type BlobStore } from '@millrace/common';
import { DirectoryBlobStore, nodeFilePort, realClock } from '@millrace/common/node';
import { defineJob, describeStreamGraph, generate } from '@millrace/api';
import { compileJobGraph } from '@millrace/jobmanager';
import { openOperatorChain, type OperatorChain } from '@millrace/runtime';
import { CHAIN_JOBS, type ChainJob } from './chain-jobs.ts';
import { compare, type Bench } from './compare.ts';

const BATCH_ROWS = 4096;
const BATCHES = 16;
const SUBMISSION = { args: [], params: {}, environment: {}, baseDirectory: tmpdir() };

/** The baseline: what engines that interpret a plan do. */
interface VirtualOperator {
  process(record: unknown): void;
}

class VirtualMap implements VirtualOperator {
  readonly #map: (record: unknown) => unknown;
  readonly #next: VirtualOperator;
  constructor(map: (record: unknown) => unknown, next: VirtualOperator) {
    this.#map = map;
    this.#next = next;
  }
  process(record: unknown): void {
    this.#next.process(this.#map(record));
  }
}

class VirtualFilter implements VirtualOperator {
  readonly #predicate: (record: unknown) => boolean;
  readonly #next: VirtualOperator;
  constructor(predicate: (record: unknown) => boolean, next: VirtualOperator) {
    this.#predicate = predicate;
    this.#next = next;
  }
  process(record: unknown): void {
    if (this.#predicate(record)) this.#next.process(record);
  }
}

class VirtualForEach implements VirtualOperator {
  readonly #action: (record: unknown) => void;
  constructor(action: (record: unknown) => void) {
    this.#action = action;
  }
  process(record: unknown): void {
    this.#action(record);
  }
}

function virtualChain(of: ChainJob): VirtualOperator {
  type Any = (record: unknown) => unknown;
  type Predicate = (record: unknown) => boolean;
  const last = new VirtualForEach(of.last as Any);
  const second = new VirtualMap(of.second as Any, new VirtualFilter(of.secondFilter as Predicate, last));
  return new VirtualMap(of.first as Any, new VirtualFilter(of.firstFilter as Predicate, second));
}

function runVirtual(chains: readonly { readonly head: VirtualOperator; readonly of: ChainJob }[]): number {
  for (const { head, of } of chains) {
    for (let index = 0; index < BATCHES * BATCH_ROWS; index++) head.process(of.recordAt(index));
  }
  return chains.length * BATCHES * BATCH_ROWS;
}

async function openChain(of: ChainJob, ordinal: number): Promise<OperatorChain> {
  const job = defineJob(`chain-${ordinal}`, (env) => {
    env
      .source(generate({ count: 1 }, of.recordAt as (index: number) => never))
      .map(of.first as (record: unknown) => never)
      .filter(of.firstFilter as (record: unknown) => boolean)
      .map(of.second as (record: unknown) => never)
      .filter(of.secondFilter as (record: unknown) => boolean)
      .forEach(of.last as (record: unknown) => void);
  });
  const graph = job.plan(SUBMISSION);
  const streamGraph = describeStreamGraph(graph);
  const { vertices, edges, keyGroupCount } = compileJobGraph(streamGraph, { parallelism: 1 });
  const vertex = vertices.find(({ role }) => role === 'source');
  if (vertex === undefined) throw new Error('the job has no source vertex');
  const jobId = asJobId(String(ordinal).padStart(32, '0'));
  const noBlobs: BlobStore = new DirectoryBlobStore(tmpdir());
  return openOperatorChain({
    graph,
    vertex,
    subtaskIndex: 0,
    deployment: {
      jobId,
      jobName: job.name,
      runId: 'bench',
      leaderEpoch: 1,
      attemptNumber: 1,
      linkSecret: '',
      regions: [0],
      slotIndex: 0,
      mode: 'run',
      artifact: { version: 1, entry: '', files: [] },
      submission: SUBMISSION,
      streamGraph,
      options: streamGraph.options,
      checkpointDirectory: tmpdir(),
      subtasks: [],
      parallelismOf: { [vertex.vertexId]: 1 },
    },
    executionAttemptId: executionAttemptId(vertex.vertexId, 0, 1),
    keyGroupRange: keyGroupRange({ keyGroupCount, parallelism: 1, subtaskIndex: 0 }),
    inputEdges: edges.filter((edge) => edge.toVertex === vertex.vertexId),
    outputs: [],
    restore: new Map(),
    restoredWatermarkMs: -Infinity,
    clock: realClock,
    files: nodeFilePort,
    log: silentLogger,
    blobStore: noBlobs,
    openKeyValueStore: () => Promise.reject(new Error('these chains keep no state')),
    asynchronous: {
      await: () => undefined,
      put: () => undefined,
      schedule: () => ({ cancel: () => undefined }),
    },
    hasCredit: () => true,
    print: () => undefined,
  });
}

function runGenerated(chains: readonly { readonly chain: OperatorChain; readonly of: ChainJob }[]): number {
  for (const { chain, of } of chains) {
    for (let batch = 0; batch < BATCHES; batch++) {
      const from = batch * BATCH_ROWS;
      const to = from + BATCH_ROWS;
      chain.processSource({ kind: 'indexed', position: null, from, to, recordAt: of.recordAt }, 'bench');
    }
  }
  return chains.length * BATCHES * BATCH_ROWS;
}

export const chainBench: Bench = {
  name: 'chain',
  run: async () => {
    const virtual = CHAIN_JOBS.map((of) => ({ of, head: virtualChain(of) }));
    const generated: { readonly of: ChainJob; readonly chain: OperatorChain }[] = [];
    for (const [ordinal, of] of CHAIN_JOBS.entries())
      generated.push({ of, chain: await openChain(of, ordinal) });
    const row = await compare({
      what: 'map, filter, map, filter, forEach, six jobs',
      against: 'virtual calls',
      unit: 'M records/CPU s',
      unitScale: 1e6,
      clock: 'cpu',
      guard: 5,
      baseline: () => runVirtual(virtual),
      ours: () => runGenerated(generated),
    });
    for (const { chain } of generated) await chain.close();
    return [row];
  },
};
