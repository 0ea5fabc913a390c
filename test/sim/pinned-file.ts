// A run as a file that people read and the tests run again.
import type { SimPlan, SimWorld } from '@millrace/testing';
import { calmWorld, differencesOf } from './calm-world.ts';
import type { SimCase } from './sim-case.ts';

/** A run as it is kept. Plain JSON. */
export interface PinnedCase {
  readonly job: SimCase['job'];
  readonly plan: Pick<SimPlan, 'seed' | 'faults' | 'healMs'> & {
    /** What is not here is as in a calm world. */
    readonly world: Partial<SimWorld>;
    /** What strikes by chance; nothing else does. */
    readonly strikes: NonNullable<SimPlan['strikes']>;
  };
}

/** The run that `kept` stands for. */
export function caseOf({ job, plan }: PinnedCase): SimCase {
  return { job, plan: { ...plan, world: { ...calmWorld, ...plan.world }, rates: {} } };
}

/** The text of a module for `pinned-seeds/`. `violation`: how it failed when it was found. */
export function pinnedFile({ job, plan }: SimCase, violation: string): string {
  const { seed, world, faults, strikes = [], healMs } = plan;
  return [
    `// Seed ${seed} failed: ${violation.split('\n')[0]?.slice(0, 300) ?? ''}`,
    "import type { PinnedCase } from '../pinned-file.ts';",
    '',
    'export const pinned: PinnedCase = {',
    job === 'flight-delays' ? "  job: 'flight-delays'," : `  job: { nodes: ${listOf(job.nodes)} },`,
    '  plan: {',
    `    seed: ${seed},`,
    `    world: ${JSON.stringify(differencesOf(world))},`,
    `    faults: ${listOf(faults)},`,
    `    strikes: ${listOf(strikes)},`,
    `    healMs: ${healMs},`,
    '  },',
    '};',
    '',
  ].join('\n');
}

function listOf(elements: readonly unknown[]): string {
  return elements.length === 0
    ? '[]'
    : `[\n${elements.map((element) => `      ${JSON.stringify(element)},\n`).join('')}    ]`;
}
