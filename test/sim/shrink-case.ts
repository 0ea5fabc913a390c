// Cuts a failing run down: fewer faults, a simpler world, a smaller job, as long as it fails in the same way.
import type { SimWorld } from '@millrace/testing';
import type { JobSpec, NodeSpec, Ref } from './random-job/job-spec.ts';
import type { SimCase } from './sim-case.ts';

/** Runs a case and returns its violations. */
export type RunCase = (of: SimCase) => Promise<readonly string[]>;

export interface ShrinkOptions {
  readonly run: RunCase;
  readonly runsMax: number;
  /** Gets each case that still fails. */
  readonly onProgress?: (of: SimCase, runs: number) => void;
}

/** A world in which nothing is special. */
const PLAIN_WORLD: readonly Partial<SimWorld>[] = [
  { knobs: {} },
  { isControlEncoded: false },
  { isFreezingRecords: false },
  { clockSkew: 0 },
  { areWritesTorn: false },
  { stateCacheEntriesMax: 100_000, spillLogBytesMax: 1_000_000 },
  { wholeSnapshotEntriesMax: 100_000 },
  { isChainingEnabled: true },
  { bufferTimeoutMs: 10 },
  { networkMsMax: 0.3 },
  { diskMsMax: 0.5 },
  { inputMs: 0 },
  { inputMs: 100 },
  { checkpointIntervalMs: 1_000 },
  { checkpointFailuresTolerated: 10 },
  { checkpointsRetainedMax: 3 },
  { keyGroupCount: 128 },
  { parallelism: 1 },
  { parallelism: 2 },
];

/** Which promise was broken: the words without the numbers. */
function kindOf(violation: string): string {
  return violation.replaceAll(/[\d.]+/gu, '#').slice(0, 36);
}

export async function shrinkCase(
  failing: SimCase,
  violations: readonly string[],
  options: ShrinkOptions,
): Promise<SimCase> {
  const kinds = new Set(violations.map(kindOf));
  let best = failing;
  let runs = 0;
  const accept = async (candidate: SimCase): Promise<boolean> => {
    if (runs >= options.runsMax) return false;
    runs++;
    const found = await options.run(candidate);
    if (!found.some((violation) => kinds.has(kindOf(violation)))) return false;
    best = candidate;
    options.onProgress?.(best, runs);
    return true;
  };
  for (let before = ''; before !== JSON.stringify(best) && runs < options.runsMax;) {
    before = JSON.stringify(best);
    await shrinkList(
      () => best.plan.strikes ?? [],
      (strikes) => accept(withPlan(best, { strikes })),
    );
    await shrinkList(
      () => best.plan.faults,
      (faults) => accept(withPlan(best, { faults })),
    );
    for (const change of PLAIN_WORLD) await accept(withWorld(best, change));
    await shrinkKnobs(() => best, accept);
    await shrinkJob(() => best, accept);
  }
  return best;
}

/** Leaves out halves, quarters and so on, down to single elements. */
async function shrinkList<T>(
  list: () => readonly T[],
  accept: (shorter: readonly T[]) => Promise<boolean>,
): Promise<void> {
  for (let count = list().length; count >= 1; count = count === 1 ? 0 : Math.ceil(count / 2)) {
    for (let from = 0; from < list().length;) {
      const shorter = [...list().slice(0, from), ...list().slice(from + count)];
      if (!(await accept(shorter))) from += count;
    }
  }
}

async function shrinkKnobs(best: () => SimCase, accept: (of: SimCase) => Promise<boolean>): Promise<void> {
  for (const name of Object.keys(best().plan.world.knobs)) {
    const { [name]: _left, ...knobs } = best().plan.world.knobs;
    await accept(withWorld(best(), { knobs }));
  }
}

async function shrinkJob(best: () => SimCase, accept: (of: SimCase) => Promise<boolean>): Promise<void> {
  const current = best().job;
  if (current === 'flight-delays') return;
  for (const { id } of current.nodes.toReversed()) {
    const { job } = best();
    if (job === 'flight-delays') return;
    for (const smaller of smallerJobs(job, id)) if (await accept({ ...best(), job: smaller })) break;
  }
}

function smallerJobs(job: JobSpec, id: number): readonly JobSpec[] {
  const node = job.nodes.find((one) => one.id === id);
  if (node === undefined) return [];
  const others = job.nodes.filter((one) => one !== node);
  const changed = (to: NodeSpec): JobSpec => ({ nodes: job.nodes.map((one) => (one === node ? to : one)) });
  const { parallelism: own, ...plain } = node;
  const candidates: JobSpec[] = own === undefined ? [] : [changed(plain as NodeSpec)];
  if (node.kind === 'sink') {
    const hasOther = others.some(({ kind }) => kind === 'sink');
    if (hasOther) candidates.push(pruned(others));
    if (node.form !== 'ledger') candidates.push(changed({ ...node, form: 'ledger' }));
  } else if (node.kind === 'union') {
    for (const input of node.inputs) candidates.push(changed({ ...node, inputs: [input] }));
  } else if ('inputs' in node) {
    for (const input of node.inputs) candidates.push(pruned(withoutStep(others, id, input)));
  } else if (node.kind === 'source') {
    if (node.splits > 1) candidates.push(changed({ ...node, splits: 1 }));
    if (node.recordsPerSplit > 1)
      candidates.push(changed({ ...node, recordsPerSplit: node.recordsPerSplit >> 1 }));
  } else candidates.push(pruned(withoutStep(others, id, node.input)));
  return candidates;
}

/** Whoever read it reads what it read. What was known of its output is not known any more. */
function withoutStep(nodes: readonly NodeSpec[], id: number, input: Ref): readonly NodeSpec[] {
  const moved = (ref: Ref): Ref => (ref.node === id ? input : ref);
  return nodes.map((node): NodeSpec => {
    if (node.kind === 'union') return { ...node, inputs: node.inputs.map(moved) };
    if ('inputs' in node) return { ...node, inputs: [moved(node.inputs[0]), moved(node.inputs[1])] };
    if (node.kind === 'source') return node;
    const behind = { ...node, input: moved(node.input) };
    if (behind.kind === 'table' && behind.making.how === 'upserts')
      return { ...behind, making: { how: 'rows' } };
    return behind.kind === 'keep' ? { ...behind, check: 'once' } : behind;
  });
}

/** Leaves out what no sink needs. */
function pruned(nodes: readonly NodeSpec[]): JobSpec {
  const needed = new Set<number>();
  for (const node of nodes.toReversed()) {
    if (node.kind !== 'sink' && !needed.has(node.id)) continue;
    needed.add(node.id);
    if ('inputs' in node) for (const ref of node.inputs) needed.add(ref.node);
    else if (node.kind !== 'source') needed.add(node.input.node);
  }
  return { nodes: nodes.filter(({ id }) => needed.has(id)) };
}

function withPlan(of: SimCase, change: Partial<SimCase['plan']>): SimCase {
  return { ...of, plan: { ...of.plan, ...change } };
}

function withWorld(of: SimCase, change: Partial<SimWorld>): SimCase {
  return withPlan(of, { world: { ...of.plan.world, ...change } });
}
