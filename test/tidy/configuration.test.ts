// docs/operations/configuration.md is the table of options in words, and no verb has an option that is not in that table.
// After a change of the table: npx vitest run --project unit test/tidy -u
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { environmentName, flagsOf, OPTIONS, valuesOf, type OptionEntry } from '@millrace/common';
import { createProgram } from '../../packages/cli/src/main.ts';
import { verbOf } from '../../packages/cli/src/options/command-options.ts';
import { isKnownVariable } from '../../packages/cli/src/options/unknown-variables.ts';
import { filesBelow, root } from './sources.ts';

type Program = ReturnType<typeof createProgram>;

function verbsOf(program: Program): Program[] {
  return program.commands.flatMap((command) => {
    // A command that only gathers others has no arguments of its own.
    const isVerb = command.commands.length === 0 || command.registeredArguments.length > 0;
    return isVerb && command.name() !== 'supervise' ? [command, ...verbsOf(command)] : verbsOf(command);
  });
}

const verbs = verbsOf(createProgram(() => {}));

test('every option of every verb stands in packages/common/src/config/options.ts', () => {
  const missing = verbs.flatMap((command) =>
    command.options
      .filter((option) => option.long !== '--help')
      .filter(
        (option) =>
          !OPTIONS.some(
            (entry) =>
              flagsOf(entry) === option.flags && (entry.verbs ?? [verbOf(command)]).includes(verbOf(command)),
          ),
      )
      .map((option) => `millrace ${verbOf(command)} ${option.flags}: write it into the table of options`),
  );
  expect(missing).toEqual([]);
  const known = new Set(verbs.map(verbOf));
  const unknown = OPTIONS.flatMap((entry) => entry.verbs ?? []).filter((verb) => !known.has(verb));
  expect(unknown, 'verbs that do not exist').toEqual([]);
});

test('docs/operations/configuration.md has every option', async () => {
  const text = [
    '# Configuration',
    '',
    'Every option of every verb can be given as a flag or in the environment. A flag comes before the environment, the environment before',
    'the default; a variable that is empty counts as not set. The name of the variable is that of the option, upper-case, with `MILLRACE_` before it',
    'and `_` for `-`: `--heartbeat-timeout 5000` is `MILLRACE_HEARTBEAT_TIMEOUT=5000`. Switches are `true` or `false` there. What is wrong ends with',
    '`MR_OPTION_INVALID`, which names the variable.',
    '',
    '**Secrets** come by file or by environment, never by flag, because the list of processes shows those; they are in no log, no answer and no error.',
    'The environment of a process reaches no job: a job sees the variables that `--env` names.',
    '',
    'A variable that a verb does not know does nothing there, so that one environment fits all containers. One that no verb knows, but that is nearly',
    'that of an option, is told on standard error with the one that it is nearest to: `MILLRACE_SLOT is no option, and does nothing: did you mean',
    'MILLRACE_SLOTS?` Kubernetes sets `<SERVICE>_PORT` for each service: do not name one `millrace`.',
    '',
    'This page is made from `packages/common/src/config/options.ts`: `npx vitest run --project unit test/tidy -u`.',
    '',
    '| Option | Environment | Verbs | Values | Default | Meaning |',
    '| --- | --- | --- | --- | --- | --- |',
    ...OPTIONS.map(rowOf),
    '',
  ].join('\n');
  await expect(text).toMatchFileSnapshot(join(root, 'docs/operations/configuration.md'));
});

function rowOf(entry: OptionEntry): string {
  const flags = flagsOf(entry);
  return `| ${[
    flags === undefined ? '-' : `\`${flags}\``,
    `\`${environmentName(entry)}\``,
    (entry.verbs ?? ['all']).join(', '),
    valuesOf(entry),
    defaultOf(entry),
    entry.help,
  ].join(' | ')} |`;
}

function defaultOf(entry: OptionEntry): string {
  if (entry.default !== undefined) return `\`${entry.default}\``;
  return entry.defaultText ?? (entry.type.kind === 'switch' ? '`false`' : '-');
}

test('every MILLRACE_ variable that the project reads is an option, or known as its own', () => {
  const files = ['packages', 'test', 'scripts'].flatMap((directory) => [
    ...filesBelow(directory, '.ts'),
    ...filesBelow(directory, '.mjs'),
  ]);
  const read = files.flatMap(({ text }) =>
    [...text.matchAll(/process\.env(?:\.|\[')(MILLRACE_[A-Z_]+)/g)].map(([, variable = '']) => variable),
  );
  expect([...new Set(read)].filter((variable) => !isKnownVariable(variable))).toEqual([]);
});
