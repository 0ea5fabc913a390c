// What a run of one seed tells, and what many runs come to.
import type { SimResult } from '@millrace/testing';
import type { SimCase } from './sim-case.ts';

export interface SeedReport {
  readonly seed: number;
  readonly violations: readonly string[];
  readonly traceHash: string;
  readonly events: number;
  readonly virtualMs: number;
  /** CPU time. */
  readonly tookMs: number;
  readonly checkpoints: number;
  readonly attempts: number;
  readonly end: string;
  /** The main job, or how many operators a random one has. */
  readonly job: string;
  /** Parallelism, and whether operators are chained. */
  readonly shape: string;
  /** Faults that changed something while the job was under way. */
  readonly faults: { readonly [kind: string]: number };
}

export function toReport({ job, plan }: SimCase, result: SimResult, tookMs: number): SeedReport {
  const { violations, traceHash, events, checkpoints, attempts, virtualMs, end = 'no end', faults } = result;
  const { parallelism, isChainingEnabled } = plan.world;
  return {
    seed: plan.seed,
    violations,
    traceHash,
    events,
    checkpoints,
    attempts,
    end,
    job: job === 'flight-delays' ? job : `${job.nodes.length} operators`,
    shape: `p${parallelism}${isChainingEnabled ? ' chained' : ''}`,
    virtualMs: Math.round(virtualMs),
    tookMs: Math.round(tookMs),
    faults: Object.fromEntries(faults),
  };
}

/** Runs in which nothing went wrong prove little. */
export function isQuiet({ faults }: SeedReport): boolean {
  return Object.keys(faults).length === 0;
}

export function summaryOf(reports: readonly SeedReport[]): string {
  const sum = (of: (report: SeedReport) => number): number =>
    reports.reduce((total, report) => total + of(report), 0);
  const faults = new Map<string, number>();
  for (const report of reports)
    for (const [kind, count] of Object.entries(report.faults))
      faults.set(kind, (faults.get(kind) ?? 0) + count);
  const faultCount = [...faults.values()].reduce((total, count) => total + count, 0);
  const failed = reports.filter(({ violations }) => violations.length > 0);
  const cpuMs = Math.round(sum(({ tookMs }) => tookMs) / Math.max(1, reports.length));
  return [
    `simulation: ${reports.length} seeds, ${failed.length} failed, ${sum(({ events }) => events)} events, ${faultCount} faults injected, ${sum(({ checkpoints }) => checkpoints)} checkpoints completed, ${sum(({ attempts }) => attempts)} attempts, ${Math.round(sum(({ virtualMs }) => virtualMs) / 1_000)} virtual s, ${reports.filter(isQuiet).length} seeds without an effective fault, ${cpuMs} CPU ms a seed`,
    `faults: ${listed(faults)}`,
    `ends: ${listed(countedBy(reports, ({ end }) => end))}; shapes: ${listed(countedBy(reports, ({ shape }) => shape))}`,
    ...(failed.length === 0 ? [] : [`failed: ${failed.map(({ seed }) => seed).join(' ')}`]),
  ].join('\n');
}

function countedBy(
  reports: readonly SeedReport[],
  nameOf: (report: SeedReport) => string,
): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const report of reports) counts.set(nameOf(report), (counts.get(nameOf(report)) ?? 0) + 1);
  return counts;
}

function listed(counts: ReadonlyMap<string, number>): string {
  return [...counts]
    .sort((a, b) => (a[0] < b[0] ? -1 : 1))
    .map(([name, count]) => `${name} ${count}`)
    .join(', ');
}
