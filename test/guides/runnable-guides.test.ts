// The job files in the guides run, and print what the page says. A block ```ts runnable is a whole job file: it is bundled, run
// embedded, and what it prints is the block ```text behind it, in any order; ```text ordered: in this order.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { beforeAll, describe, expect, test } from 'vitest';
import { executeJob } from '@millrace/embedded';
import type { PlannableJob } from '@millrace/api';
import { codeBlocks, type CodeBlock } from '../support/guide.ts';
import { root } from '../tidy/sources.ts';

const RUN_TIMEOUT_MS = 60_000;
/** Inside the package whose dependencies are what a program imports. */
const directory = join(root, 'test', 'node_modules', '.cache', 'runnable-guides');
const guides = join(root, 'docs', 'guides');

interface RunnableBlock {
  readonly job: CodeBlock;
  readonly expected: CodeBlock | undefined;
}

function runnableBlocks(page: string): readonly RunnableBlock[] {
  const blocks = codeBlocks(readFileSync(join(guides, page), 'utf8'));
  return blocks.flatMap((job, index) =>
    job.language === 'ts' && 'runnable' in job.attributes ? [{ job, expected: blocks[index + 1] }] : [],
  );
}

async function printedBy(page: string, { text, line }: CodeBlock): Promise<readonly string[]> {
  const file = join(directory, `${basename(page, '.md')}-line-${line}`);
  writeFileSync(`${file}.ts`, text);
  await build({
    entryPoints: [`${file}.ts`],
    outfile: `${file}.mjs`,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    conditions: ['millrace-source'],
    logLevel: 'silent',
    banner: {
      js: "import { createRequire as requireOf } from 'node:module'; const require = requireOf(import.meta.url);",
    },
  });
  const { default: job } = (await import(pathToFileURL(`${file}.mjs`).href)) as {
    readonly default: PlannableJob;
  };
  const { printed } = await executeJob(job, { baseDirectory: directory });
  return printed.map((printedLine) => printedLine.text);
}

const linesOf = (text: string): readonly string[] => text.split('\n').filter((line) => line.trim() !== '');

beforeAll(() => {
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
});

const pages = readdirSync(guides)
  .filter((name) => name.endsWith('.md'))
  .map((page) => ({ page, blocks: runnableBlocks(page) }))
  .filter(({ blocks }) => blocks.length > 0);

describe.each(pages)('$page', ({ page, blocks }) => {
  test.each(blocks.map((block) => [block.job.line, block] as const))(
    'the job at line %i prints what the page says',
    { timeout: RUN_TIMEOUT_MS },
    async (_line, { job, expected }) => {
      if (expected?.language !== 'text')
        throw new Error('No block ```text follows that says what the job prints');
      const printed = await printedBy(page, job);
      const wanted = linesOf(expected.text);
      if ('ordered' in expected.attributes) expect(printed).toEqual(wanted);
      else expect([...printed].sort()).toEqual([...wanted].sort());
    },
  );
});

test('some guides have jobs that run', () => {
  expect(pages.length).toBeGreaterThan(0);
});
