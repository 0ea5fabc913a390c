// Records that fail, under simulation: whatever dies, each is among the dead letters once, and nothing else is.
import { drawPlan, linesOf, simulateJob, type SimulatedJob } from '@millrace/testing';
import { expect, test } from 'vitest';
import job from '../e2e/jobs/bad-lines.ts';

const LINES = 600;
const SEEDS = 30;
const BASE = '/job';
const numbers = Array.from({ length: LINES }, (_, n) => n);
const isMalformed = (n: number): boolean => n % 20 === 3;
const isPoison = (n: number): boolean => n % 15 === 7;
const lineOf = (n: number): string =>
  isMalformed(n) ? `{"n":${n},` : JSON.stringify({ n, text: isPoison(n) ? `no number ${n}` : `${n}` });

const badLines: SimulatedJob = {
  jobOf: () => job,
  isBounded: true,
  submissionOf: ({ inputMs }) => ({
    args: [],
    params: {
      in: 'lines.jsonl',
      out: 'out',
      // Some splits for some readers.
      splitBytes: '2000',
      ratePerSecond: inputMs === 0 ? '1e9' : String((LINES * 1_000) / inputMs),
    },
    environment: {},
    baseDirectory: BASE,
  }),
  files: new Map([[`${BASE}/lines.jsonl`, new TextEncoder().encode(`${numbers.map(lineOf).join('\n')}\n`)]]),
  expected: new Map([
    ['good', numbers.filter((n) => !isMalformed(n) && !isPoison(n)).map((n) => `{"n":${n}}`)],
    ['dead', numbers.filter((n) => isMalformed(n) || isPoison(n)).map(lineOf)],
  ]),
  outputs: ({ files }) =>
    new Map([
      ['good', linesOf(files(`${BASE}/out/good`))],
      ['dead', linesOf(files(`${BASE}/out/dead`)).map((line) => (JSON.parse(line) as { raw: string }).raw)],
    ]),
};

test('records that fail are dead letters once each, in 30 seeds', { timeout: 300_000 }, async () => {
  let attempts = 0;
  let faults = 0;
  for (let seed = 1; seed <= SEEDS; seed++) {
    const result = await simulateJob(badLines, drawPlan(seed));
    expect(result.violations, `seed ${seed}`).toEqual([]);
    attempts += result.attempts;
    for (const count of result.faults.values()) faults += count;
  }
  // Runs in which nothing went wrong have shown nothing.
  expect(faults).toBeGreaterThan(SEEDS);
  expect(attempts).toBeGreaterThan(SEEDS);
});
