// What a run of one seed tells, and what many runs come to.
import type { SimResult } from '@millrace/testing';

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
  /** Faults that changed something while the job was under way. */
  readonly faults: { readonly [kind: string]: number };
}

export function toReport(result: SimResult, tookMs: number): SeedReport {
  const { seed, violations, traceHash, events, checkpoints, attempts } = result;
  return {
    seed,
    violations,
    traceHash,
    events,
    checkpoints,
    attempts,
    virtualMs: Math.round(result.virtualMs),
    tookMs: Math.round(tookMs),
    faults: Object.fromEntries(result.faults),
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
  const kinds = [...faults].sort((a, b) => (a[0] < b[0] ? -1 : 1)).map(([kind, count]) => `${kind} ${count}`);
  const failed = reports.filter(({ violations }) => violations.length > 0);
  return [
    `simulation: ${reports.length} seeds, ${failed.length} failed, ${sum(({ events }) => events)} events, ${Math.round(sum(({ virtualMs }) => virtualMs) / 1_000)} virtual s, ${sum(({ checkpoints }) => checkpoints)} checkpoints completed, ${sum(({ attempts }) => attempts)} attempts, ${reports.filter(isQuiet).length} seeds without an effective fault, ${Math.round(sum(({ tookMs }) => tookMs) / Math.max(1, reports.length))} CPU ms a seed`,
    `faults: ${kinds.join(', ')}`,
    ...(failed.length === 0 ? [] : [`failed: ${failed.map(({ seed }) => seed).join(' ')}`]),
  ].join('\n');
}
