// The examples with patterns, run embedded over their own data, against plain loops.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { executeJob } from '@millrace/embedded';
import type { PlannableJob } from '@millrace/api';
import { root } from '../tidy/sources.ts';

async function writtenBy(example: string): Promise<{ readonly [output: string]: readonly string[] }> {
  const out = mkdtempSync(join(tmpdir(), 'millrace-example-'));
  try {
    const { default: job } = (await import(`../../examples/${example}/job.ts`)) as {
      readonly default: PlannableJob;
    };
    // The second run replaces what the first one wrote.
    for (let run = 0; run < 2; run++) await executeJob(job, { baseDirectory: root, args: ['--out', out] });
    return Object.fromEntries(readdirSync(out).map((output) => [output, linesBelow(join(out, output))]));
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
}

function linesBelow(directory: string): readonly string[] {
  return readdirSync(directory)
    .filter((name) => !name.startsWith('.'))
    .flatMap((name) => readFileSync(join(directory, name), 'utf8').split('\n'))
    .filter((line) => line !== '')
    .sort();
}

async function expectedOf(example: string, compute: string): Promise<unknown> {
  const reference = (await import(`../../examples/${example}/reference.mjs`)) as {
    readonly [name: string]: (data: string) => unknown;
  };
  return reference[compute]?.(join(root, 'examples', example, 'data'));
}

const textsOf = (rows: readonly unknown[]): readonly string[] =>
  rows.map((row) => JSON.stringify(row)).sort();

test('fraud finds the cards that are tried out and used, and those that are only tried out', async () => {
  const { alerts, tried } = (await expectedOf('fraud', 'computeAlerts')) as {
    readonly [output: string]: readonly unknown[];
  };
  expect(alerts?.length).toBeGreaterThan(5);
  expect(await writtenBy('fraud')).toEqual({ alerts: textsOf(alerts ?? []), tried: textsOf(tried ?? []) });
});

test('machine monitoring finds the machines that grow hotter, and those that are silent', async () => {
  const { alerts, silences } = (await expectedOf('machine-monitoring', 'computeAlerts')) as {
    readonly [output: string]: readonly unknown[];
  };
  expect(alerts?.length).toBeGreaterThan(5);
  expect(silences?.length).toBeGreaterThan(5);
  expect(await writtenBy('machine-monitoring')).toEqual({
    alerts: textsOf(alerts ?? []),
    silences: textsOf(silences ?? []),
  });
});

test('trading rules find what each version of a rule finds in its time', async () => {
  const signals = (await expectedOf('trading-rules', 'computeSignals')) as readonly {
    readonly rule: string;
  }[];
  expect(signals.filter(({ rule }) => rule === 'v-shape').length).toBeGreaterThan(5);
  expect(signals.filter(({ rule }) => rule === 'crash').length).toBeGreaterThan(5);
  expect(await writtenBy('trading-rules')).toEqual({ signals: textsOf(signals) });
});
