// Runs seeds, one after the other, and writes a line for each: JSON for the test, text for people.
import { simulateJob, type SimResult } from '@millrace/testing';
import { flightDelays } from './flight-delays.ts';
import { summaryOf, toReport, type SeedReport } from './seed-report.ts';

const [data = '', form = 'text', first = '1', count = '1', step = '1'] = process.argv.slice(2);
const simulated = flightDelays(new URL(data));
const isTraced = (process.env['MILLRACE_SIM_TRACE'] ?? '') !== '';
const trace = (line: string): void => void process.stdout.write(`${line}\n`);

async function run(seed: number): Promise<SeedReport> {
  const startedMs = cpuMs();
  const result: SimResult = await simulateJob(simulated, seed, isTraced ? { trace } : {});
  return toReport(result, cpuMs() - startedMs);
}

/** Of this process: a busy machine does not show in it. */
function cpuMs(): number {
  return process.cpuUsage().user / 1_000;
}

const reports: SeedReport[] = [];
for (let index = 0; index < Number(count); index++) {
  const report = await run(Number(first) + index * Number(step));
  reports.push(report);
  if (form === 'json') process.stdout.write(`${JSON.stringify(report)}\n`);
  else for (const violation of report.violations) console.log(`seed ${report.seed}: ${violation}`);
  if (form === 'each')
    console.log(
      `seed ${report.seed}: ${report.events} events, ${report.virtualMs} virtual ms, ${report.tookMs} ms, ${report.checkpoints} checkpoints, ${report.attempts} attempts, ${report.traceHash}`,
    );
}
if (form !== 'json') console.log(summaryOf(reports));
if (form !== 'json' && reports.some(({ violations }) => violations.length > 0)) process.exitCode = 1;
