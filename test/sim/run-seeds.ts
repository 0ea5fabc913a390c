// Runs seeds, one after the other, and writes a line for each: JSON for programs, text for people. Bundled by bundle.mjs.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { simulateJob, type SimResult } from '@millrace/testing';
import { caseOf, pinnedFile, type PinnedCase } from './pinned-file.ts';
import { summaryOf, toReport, type SeedReport } from './seed-report.ts';
import { shrinkCase } from './shrink-case.ts';
import { drawCase, simulatedJobOf, type SimCase } from './sim-case.ts';

interface Options {
  /** Directory of the main job's excerpt. */
  readonly data: string;
  readonly form: 'text' | 'each' | 'json';
  readonly isTraced: boolean;
  /** Seeds: `count` of them, `step` apart. */
  readonly first: number;
  readonly count: number;
  readonly step: number;
  /** Instead of seeds. */
  readonly cases?: readonly PinnedCase[];
  /** Stops at the first that fails. */
  readonly isStopping: boolean;
  /** Cuts the first that fails down, and keeps it in this directory; unless there is a name, by its seed. */
  readonly shrinkTo?: { readonly directory: string; readonly name?: string };
}

const SHRINK_RUNS_MAX = 1_000;

const options = JSON.parse(process.argv[2] ?? '{}') as Options;
const { form } = options;
const trace = (line: string): void => void process.stdout.write(`${line}\n`);

/** Whoever reads a trace may have seen enough. */
process.stdout.on('error', () => process.exit(1));

/** Promises that were rejected, and nobody listened: the process would have ended. */
const unhandled: unknown[] = [];
process.on('unhandledRejection', (error) => unhandled.push(error));

async function simulate(of: SimCase, isTraced: boolean): Promise<SimResult> {
  const simulated = simulatedJobOf(of.job, new URL(options.data));
  const result = await simulateJob(simulated, of.plan, isTraced ? { trace } : {});
  const rejected = unhandled
    .splice(0)
    .map((error) => `a process ended with an error of its own: ${textOf(error)}`);
  return { ...result, violations: [...result.violations, ...rejected] };
}

function textOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

/** Of this process: a busy machine does not show in it. */
function cpuMs(): number {
  return process.cpuUsage().user / 1_000;
}

function show(report: SeedReport): void {
  const { seed, violations } = report;
  if (form === 'json') process.stdout.write(`${JSON.stringify(report)}\n`);
  else for (const violation of violations) console.log(`seed ${seed}: ${violation}`);
  if (form === 'each')
    console.log(
      `seed ${seed}: ${report.job}, ${report.events} events, ${report.virtualMs} virtual ms, ${report.tookMs} ms, ${report.checkpoints} checkpoints, ${report.attempts} attempts, ${report.end}, ${report.traceHash}`,
    );
}

async function shrink(failing: SimCase, violations: readonly string[], file: string): Promise<void> {
  const first = violations[0] ?? '';
  const startedMs = cpuMs();
  let runs = 0;
  const least = await shrinkCase(failing, violations, {
    run: async (of) => {
      runs++;
      return (await simulate(of, false)).violations;
    },
    runsMax: SHRINK_RUNS_MAX,
    // Whoever has seen enough may end it: what is there fails.
    onProgress: (of) => writeFileSync(file, pinnedFile(of, first)),
  });
  writeFileSync(file, pinnedFile(least, first));
  const { faults, strikes = [] } = least.plan;
  const operators = least.job === 'flight-delays' ? least.job : `${least.job.nodes.length} operators`;
  const tookS = Math.round((cpuMs() - startedMs) / 1_000);
  if (form !== 'json')
    console.log(
      `cut down to ${faults.length} faults and ${strikes.length} strikes on ${operators}, in ${runs} runs and ${tookS} s`,
    );
  process.send?.({ kept: file });
}

const reports: SeedReport[] = [];
for (let index = 0; index < (options.cases?.length ?? options.count); index++) {
  const pinned = options.cases?.[index];
  const of = pinned === undefined ? drawCase(options.first + index * options.step) : caseOf(pinned);
  if (options.isTraced) trace(JSON.stringify(of));
  const startedMs = cpuMs();
  const result = await simulate(of, options.isTraced);
  const report = toReport(of, result, cpuMs() - startedMs);
  reports.push(report);
  show(report);
  if (report.violations.length === 0) continue;
  const { shrinkTo } = options;
  if (shrinkTo !== undefined) {
    const { directory, name = `seed-${of.plan.seed}` } = shrinkTo;
    await shrink({ ...of, plan: result.plan }, report.violations, join(directory, `${name}.ts`));
  }
  if (options.isStopping || shrinkTo !== undefined) break;
}
if (form !== 'json') {
  console.log(summaryOf(reports));
  if (reports.some(({ violations }) => violations.length > 0)) process.exitCode = 1;
}
