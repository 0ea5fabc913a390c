// A job of real processes whose output is watched while something is done to it.
import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';

export const COMMAND = join(process.cwd(), 'packages/cli/bin/millrace.cjs');
const STEP_TIMEOUT_MS = 180_000;
/** Between one trouble and the next: some checkpoints, so that each round is like the others. */
const CALM_MS = 4_000;

/** The greatest number printed so far, when it came, and the longest that it stayed the same. */
export class Output {
  newest = -1;
  newestMs = 0;
  /** Longest time between two of them since {@link startsGap}. */
  gapMs = 0;
  #rest = '';

  constructor(child: ChildProcess) {
    child.stdout?.on('data', (chunk: Buffer) => {
      const lines = (this.#rest + chunk.toString()).split('\n');
      this.#rest = lines.pop() ?? '';
      for (const line of lines) {
        const index = Number(/(\d+)$/.exec(line)?.[1] ?? -1);
        if (index <= this.newest) continue;
        const nowMs = performance.now();
        this.gapMs = Math.max(this.gapMs, nowMs - this.newestMs);
        this.newest = index;
        this.newestMs = nowMs;
      }
    });
  }

  startsGap(): void {
    this.gapMs = 0;
    this.newestMs = performance.now();
  }
}

export function millrace(args: readonly string[]): Promise<string> {
  const child = spawn(process.execPath, [COMMAND, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
  return new Promise((resolve, reject) => {
    child.once('close', (code) =>
      code === 0 ? resolve(text) : reject(new Error(`millrace ${args.join(' ')}: exit code ${code}`)),
    );
  });
}

/** Waits until output has come for a while without a pause. */
export async function calm(output: Output): Promise<void> {
  const since = performance.now();
  let last = output.newestMs;
  let calmSince = since;
  await until('calm', () => {
    if (output.newestMs - last > 1_000) calmSince = performance.now();
    last = output.newestMs;
    return performance.now() - calmSince > CALM_MS;
  });
}

export async function until(what: string, isTrue: () => boolean): Promise<void> {
  const deadlineMs = performance.now() + STEP_TIMEOUT_MS;
  while (!isTrue()) {
    if (performance.now() > deadlineMs) throw new Error(`Waited ${STEP_TIMEOUT_MS} ms for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
