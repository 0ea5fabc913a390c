// Runs seeds or cases in processes of their own, from a bundle that is made once.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { dataUrl, nodeFlags } from './bundle.mjs';
import type { SeedReport } from './seed-report.ts';
import type { PinnedCase } from './pinned-file.ts';

export interface SeedsToRun {
  readonly first: number;
  readonly count: number;
  readonly step: number;
  readonly isTraced?: boolean;
  /** Stops at the first that fails. */
  readonly isStopping?: boolean;
  /** Instead of seeds. */
  readonly cases?: readonly PinnedCase[];
  /** Cuts the first that fails down, and keeps it in this directory. */
  readonly shrinkTo?: { readonly directory: string };
}

/** Runs them one after the other in one process. `onReport` gets each as it comes. */
export function runSeeds(
  bundle: string,
  seeds: SeedsToRun,
  onReport: (report: SeedReport) => void = () => undefined,
): Promise<readonly SeedReport[]> {
  const options = JSON.stringify({
    data: dataUrl,
    form: 'json',
    isTraced: false,
    isStopping: false,
    ...seeds,
  });
  const child = spawn(process.execPath, [...nodeFlags, bundle, options], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const reports: SeedReport[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => {
    if (!line.startsWith('{"seed"')) {
      console.log(line);
      return;
    }
    const report = JSON.parse(line) as SeedReport;
    reports.push(report);
    onReport(report);
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) =>
      code === 0 ? resolve(reports) : reject(new Error(`the simulation ended with code ${code ?? 'none'}`)),
    );
  });
}
