// Runs seeds outside of the tests: `node test/sim/run-seeds.mjs [first] [count]`; MILLRACE_SIM_TRACE=1 prints the trace.
import { simulateJob, type SimResult } from '@millrace/testing';
import { flightDelays } from './flight-delays.ts';

const [first = '1', count = '1'] = process.argv.slice(2);
const simulated = flightDelays(new URL(process.env['MILLRACE_SIM_DATA'] ?? ''));
const trace = process.env['MILLRACE_SIM_TRACE'] === undefined ? undefined : (line: string): void => console.log(line);
const failed: SimResult[] = [];
const faults = new Map<string, number>();
let [events, checkpoints, attempts, quiet] = [0, 0, 0, 0];
const startedMs = performance.now();
for (let seed = Number(first); seed < Number(first) + Number(count); seed++) {
  const seedMs = performance.now();
  const result = await simulateJob(simulated, seed, trace === undefined ? {} : { trace });
  events += result.events;
  checkpoints += result.checkpoints;
  attempts += result.attempts;
  if (result.faults.size === 0) quiet++;
  for (const [kind, times] of result.faults) faults.set(kind, (faults.get(kind) ?? 0) + times);
  const tookMs = Math.round(performance.now() - seedMs);
  if (result.violations.length > 0) {
    failed.push(result);
    console.log(`seed ${seed}: ${result.violations[0]}`);
  }
  if (process.env['MILLRACE_SIM_VERBOSE'] !== undefined || tookMs > 3_000) {
    console.log(`seed ${seed}: ${result.events} events, ${Math.round(result.virtualMs)} virtual ms, ${tookMs} ms, ${result.checkpoints} checkpoints, ${result.attempts} attempts, ${result.traceHash}`);
  }
}
const tookMs = performance.now() - startedMs;
console.log(`${count} seeds, ${failed.length} failed, ${quiet} without faults, ${events} events, ${checkpoints} checkpoints, ${attempts} attempts, ${Math.round(tookMs / Number(count))} ms a seed`);
console.log([...faults].map(([kind, times]) => `${kind} ${times}`).join(', '));
if (failed.length > 0) console.log(`failed: ${failed.map(({ seed }) => seed).join(' ')}`);
process.exitCode = failed.length === 0 ? 0 : 1;
