// docs/operations/command-line.md says what the command says: help texts are copied into it, exit codes and JSON keys are compared.
// After a change of the command: npx vitest run --project unit test/tidy -u
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { asJobId, asJobVertexId, ERROR_CODES, MillraceError, type ErrorCode } from '@millrace/common';
import type { CheckpointReport, JobStatus } from '@millrace/proto';
import { checkpointsJson } from '../../packages/cli/src/command/checkpoints.ts';
import { jobJson } from '../../packages/cli/src/command/describe.ts';
import { ExitCode, exitCodeOf } from '../../packages/cli/src/exit-code.ts';
import { createProgram } from '../../packages/cli/src/main.ts';
import { codeLines, filesBelow, root } from './sources.ts';

const PAGE = join(root, 'docs/operations/command-line.md');
const HELP_COLUMNS = 100;
const page = readFileSync(PAGE, 'utf8');

type Program = ReturnType<typeof createProgram>;

/** The verbs that do something, as they are typed: `cluster start`. */
function verbsOf(
  program: Program,
  path: readonly string[] = [],
): { readonly verb: string; readonly command: Program }[] {
  return program.commands.flatMap((command) => {
    const name = [...path, command.name()];
    if (command.name() === 'help' || isHidden(program, command)) return [];
    const own = isVerb(command) ? [{ verb: name.join(' '), command }] : [];
    return [...own, ...verbsOf(command, name)];
  });
}

/** A command that only gathers others has no arguments and no options of its own. */
function isVerb(command: Program): boolean {
  return command.commands.length === 0 || command.registeredArguments.length > 0;
}

function isHidden(parent: Program, command: Program): boolean {
  return !parent.createHelp().visibleCommands(parent).includes(command);
}

function helpOf(command: Program): string {
  let text = '';
  command.configureOutput({ writeOut: (part) => (text += part), getOutHelpWidth: () => HELP_COLUMNS });
  command.outputHelp();
  return text.trim();
}

const verbs = verbsOf(createProgram(() => {}));

test('docs/operations/command-line.md describes no verb that does not exist', () => {
  const described = [...page.matchAll(/<!-- help: ([\w ]+) -->/g)].map((match) => match[1]);
  expect(described.toSorted()).toEqual(verbs.map(({ verb }) => verb).toSorted());
});

test('docs/operations/command-line.md has every exit code, and which errors end with it', () => {
  const rows = [...page.matchAll(/^\| `(\d+)` \| (.*) \|$/gm)];
  expect(rows.map((row) => Number(row[1]))).toEqual(Object.values(ExitCode));
  for (const [, exitCode, text = ''] of rows) {
    const named = [...text.matchAll(/`(MR_\w+)`/g)].map((match) => match[1] as ErrorCode);
    for (const code of named) expect(exitCodeOf(new MillraceError(code, '')), code).toBe(Number(exitCode));
    const isExhaustive = exitCode === String(ExitCode.Usage) || exitCode === String(ExitCode.NotFound);
    const ending = (Object.keys(ERROR_CODES) as ErrorCode[]).filter(
      (code) => exitCodeOf(new MillraceError(code, '')) === Number(exitCode),
    );
    if (isExhaustive) expect(named.toSorted()).toEqual(ending.toSorted());
  }
});

const job: JobStatus = {
  jobId: asJobId('3f2a9c0d7e5b4a1f8c6d2e0b9a7f5c31'),
  name: 'flight-delays',
  state: 'RUNNING',
  attemptNumber: 2,
  restartCount: 1,
  startTimeMs: Date.UTC(2026, 0, 2, 3, 4, 5),
  endTimeMs: Date.UTC(2026, 0, 2, 3, 4, 9),
  parallelism: 4,
  recordsRead: 1_250_000,
  inputShare: 0.4,
  watermarkMs: Date.UTC(2001, 2, 4),
  stateBytes: 181_000,
  checkpoints: {
    completedCount: 3,
    failedCount: 0,
    lastCompletedId: 3,
    lastDurationMs: 41,
    lastBytes: 62_100,
  },
  regions: [{ vertexIds: [asJobVertexId('flights')], slots: 4, attemptNumber: 2, isRunning: true }],
  vertices: [
    {
      vertexId: asJobVertexId('flights'),
      name: 'flights → airports',
      parallelism: 4,
      recordsIn: 1_250_000,
      recordsOut: 1_249_990,
      busyShare: 0.91,
      backPressuredShare: 0.02,
      watermarkMs: Date.UTC(2001, 2, 4),
      dropped: { late: 10 },
    },
  ],
};

const checkpoints: CheckpointReport = {
  jobId: job.jobId,
  jobName: job.name,
  settings: {
    checkpointIntervalMs: 10_000,
    checkpointTimeoutMs: 600_000,
    checkpointMinPauseMs: 0,
    checkpointsRetainedMax: 3,
    checkpointFailuresTolerated: 3,
    checkpointMode: 'exactly-once',
    isStateKeptOnCancel: false,
  },
  directory: '/var/lib/millrace/checkpoints/3f2a9c0d7e5b4a1f8c6d2e0b9a7f5c31',
  completedCount: 3,
  failedCount: 0,
  retained: [{ epoch: 1, checkpointId: 3 }],
  history: [
    {
      checkpointId: 3,
      epoch: 1,
      kind: 'checkpoint',
      state: 'completed',
      triggeredAtMs: Date.UTC(2026, 0, 2, 3, 4, 8),
      durationMs: 41,
      acknowledgedCount: 13,
      subtaskCount: 13,
      alignmentMsMax: 6,
      syncMsMax: 1,
      asyncMsMax: 22,
      newBytes: 21_500,
      totalBytes: 62_100,
    },
  ],
};

/** The page with the block behind a marker renewed. */
function renewed(text: string, marker: string, language: string, content: string): string {
  const block = new RegExp(`(<!-- ${marker} -->\n\n\`\`\`${language}\n)(?:[^]*?\n)??(\`\`\`\n)`);
  expect(block.test(text), `docs/operations/command-line.md has no block <!-- ${marker} -->`).toBe(true);
  return text.replace(block, (_match, before: string, after: string) => `${before}${content}\n${after}`);
}

test('docs/operations/command-line.md has the help of every verb, and the JSON of a job', async () => {
  let text = renewed(page, 'json: job', 'json', JSON.stringify(jobJson(job), null, 2));
  text = renewed(text, 'json: checkpoints', 'json', JSON.stringify(checkpointsJson(checkpoints), null, 2));
  for (const { verb, command } of verbs) text = renewed(text, `help: ${verb}`, 'text', helpOf(command));
  await expect(text).toMatchFileSnapshot(PAGE);
});

test('docs/operations/command-line.md names every key that a verb prints as JSON', () => {
  const printed = filesBelow('packages/cli/src/command', '.ts').flatMap((file) =>
    codeLines(file).flatMap(({ code }) => {
      const literal = /printJson\((\{.*\})\);/.exec(code)?.[1];
      return literal === undefined ? [] : keysOf(literal).map((key) => ({ key, path: file.path }));
    }),
  );
  expect(printed.length).toBeGreaterThan(10);
  expect(
    printed
      .filter(({ key }) => !page.includes(`"${key}"`))
      .map(({ key, path }) => `${path}: prints "${key}"`),
  ).toEqual([]);
});

/** Names of the fields of an object literal of one line; what stands in parentheses is left out. */
function keysOf(literal: string): string[] {
  let flat = literal;
  for (let before = ''; before !== flat;) {
    before = flat;
    flat = flat.replaceAll(/\([^()]*\)/g, '');
  }
  return [...flat.matchAll(/[{,]\s*(\w+)\s*(?=[:,}])/g)].map((match) => match[1] ?? '');
}
