// A run as a file that people read and the tests run again.
import type { SimCase } from './sim-case.ts';

/** The text of a module for `pinned-seeds/`. `violation`: how it failed when it was found. */
export function pinnedFile({ job, plan }: SimCase, violation: string): string {
  const { seed, world, faults, strikes = [], healMs } = plan;
  return [
    `// Seed ${seed} failed: ${violation.split('\n')[0]?.slice(0, 300) ?? ''}`,
    "import type { SimCase } from '../sim-case.ts';",
    '',
    'export const pinned: SimCase = {',
    job === 'flight-delays' ? "  job: 'flight-delays'," : `  job: { nodes: ${listOf(job.nodes)} },`,
    '  plan: {',
    `    seed: ${seed},`,
    `    world: ${JSON.stringify(world)},`,
    `    faults: ${listOf(faults)},`,
    '    rates: {},',
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
