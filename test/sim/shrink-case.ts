// Cuts a failing run down: fewer faults, a simpler world, a smaller job, as long as it fails in the same way.
import type { PlannedFault, SimWorld } from '@millrace/testing';
import { calmWorld, differencesOf } from './calm-world.ts';
import type { JobSpec, NodeSpec, Ref, SourceSpec } from './random-job/job-spec.ts';
import type { SimCase } from './sim-case.ts';
import { isAlike } from './violation-kind.ts';

/** Runs a case and returns its violations. */
export type RunCase = (of: SimCase) => Promise<readonly string[]>;

export interface ShrinkOptions {
  readonly run: RunCase;
  readonly runsMax: number;
  /** Gets each case that still fails. */
  readonly onProgress?: (of: SimCase, runs: number) => void;
}

/** Of a run that is to be short. */
const HEAL_MS_SOON = 4_000;

/** Takes the strikes of `failing` and no rates: what it returns, and what `run` gets, is what a file can keep. */
export async function shrinkCase(
  failing: SimCase,
  violations: readonly string[],
  options: ShrinkOptions,
): Promise<SimCase> {
  let best = withPlan(failing, { rates: {}, strikes: failing.plan.strikes ?? [] });
  let runs = 0;
  const accept = async (candidate: SimCase): Promise<boolean> => {
    if (runs >= options.runsMax) return false;
    runs++;
    if (!isAlike(violations, await options.run(candidate))) return false;
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
    await shrinkWorld(() => best, accept);
    await shrinkJob(() => best, accept);
    await simplifyFaults(() => best, accept);
    if (best.plan.healMs > HEAL_MS_SOON) await accept(withPlan(best, { healMs: HEAL_MS_SOON }));
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

/** Makes it calm: all of it, or one thing after the other. */
async function shrinkWorld(best: () => SimCase, accept: (of: SimCase) => Promise<boolean>): Promise<void> {
  if (Object.keys(differencesOf(best().plan.world)).length > 0)
    await accept(withPlan(best(), { world: calmWorld }));
  for (const name of Object.keys(differencesOf(best().plan.world)) as (keyof SimWorld)[]) {
    const { [name]: _special, ...others } = best().plan.world;
    await accept(withPlan(best(), { world: { ...calmWorld, ...others } }));
  }
  if (best().plan.world.parallelism > 1) await accept(withWorld(best(), { parallelism: 1 }));
  for (const name of Object.keys(best().plan.world.knobs)) {
    const { [name]: _left, ...knobs } = best().plan.world.knobs;
    await accept(withWorld(best(), { knobs }));
  }
}

/** What is said of a fault that is left should matter. */
async function simplifyFaults(best: () => SimCase, accept: (of: SimCase) => Promise<boolean>): Promise<void> {
  for (let index = 0; index < best().plan.faults.length; index++) {
    for (const change of [{ isSilent: false }, { target: 0 }, { durationMs: 100 }]) {
      const { faults } = best().plan;
      const simpler: PlannedFault = { ...(faults[index] as PlannedFault), ...change };
      if (JSON.stringify(simpler) === JSON.stringify(faults[index])) continue;
      await accept(withPlan(best(), { faults: faults.with(index, simpler) }));
    }
  }
}

async function shrinkJob(best: () => SimCase, accept: (of: SimCase) => Promise<boolean>): Promise<void> {
  const current = best().job;
  if (current === 'flight-delays') return;
  for (const { id } of current.nodes.toReversed()) {
    while (await shrinkNode(best, id, accept));
  }
}

/** Returns false when nothing of the node can go. */
async function shrinkNode(
  best: () => SimCase,
  id: number,
  accept: (of: SimCase) => Promise<boolean>,
): Promise<boolean> {
  const { job } = best();
  if (job === 'flight-delays') return false;
  for (const smaller of smallerJobs(job, id)) if (await accept({ ...best(), job: smaller })) return true;
  return false;
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
    candidates.push(...simplerSources(node).map(changed));
  } else candidates.push(pruned(withoutStep(others, id, node.input)));
  return candidates;
}

function simplerSources(node: NodeSpec & SourceSpec): readonly NodeSpec[] {
  const { driftMs, isNeverIdle, ...plain } = node;
  const simpler: (NodeSpec & SourceSpec)[] = [
    ...(driftMs === undefined && isNeverIdle === undefined ? [] : [plain]),
    { ...node, splits: 1 },
    { ...node, recordsPerSplit: Math.max(1, node.recordsPerSplit >> 1) },
    { ...node, keyCount: 1 },
    { ...node, disorderMs: 0 },
    { ...node, isRated: false },
    { ...node, chunkRecords: 50 },
    { ...node, stepMs: 10 },
  ];
  return simpler.filter((one) => JSON.stringify(one) !== JSON.stringify(node));
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
