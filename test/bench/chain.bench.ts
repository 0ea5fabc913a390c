// A generated operator chain against the same operators as objects with a virtual `process`, six jobs loaded in both cases.
import { defineJob, generate, type JobDefinition } from '@millrace/api';
import type { OperatorChain } from '@millrace/runtime';
import { CHAIN_JOBS, type ChainJob } from './chain-jobs.ts';
import { compare, type Bench } from './compare.ts';
import { openSourceChain } from './open-chain.ts';

export const BATCH_ROWS = 4096;
export const BATCHES = 16;

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

/** A job of the chain, with its functions. */
export interface LoadedChain {
  readonly of: ChainJob;
  readonly chain: OperatorChain;
}

/** The six jobs as the engine runs them. */
export async function openChains(): Promise<readonly LoadedChain[]> {
  const loaded: LoadedChain[] = [];
  for (const [ordinal, of] of CHAIN_JOBS.entries())
    loaded.push({ of, chain: await openSourceChain({ job: chainJob(of, ordinal), ordinal }) });
  return loaded;
}

function chainJob(of: ChainJob, ordinal: number): JobDefinition {
  return defineJob(`chain-${ordinal}`, (env) => {
    env
      .source(generate({ count: 1 }, of.recordAt as (index: number) => never))
      .map(of.first as (record: unknown) => never)
      .filter(of.firstFilter as (record: unknown) => boolean)
      .map(of.second as (record: unknown) => never)
      .filter(of.secondFilter as (record: unknown) => boolean)
      .forEach(of.last as (record: unknown) => void);
  });
}

/** Returns the records. */
export function runGenerated(chains: readonly LoadedChain[]): number {
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
    const generated = await openChains();
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
