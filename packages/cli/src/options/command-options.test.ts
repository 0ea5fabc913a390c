import { Command } from 'commander';
import { expect, test } from 'vitest';
import { applyEnvironment, withOptions } from './command-options.ts';

/** What the action of a verb gets for these arguments and variables. */
function optionsGiven(
  path: readonly string[],
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Record<string, unknown> {
  const program = new Command('millrace').exitOverride().configureOutput({ writeErr: () => {} });
  program.hook('preAction', (_program, command) => applyEnvironment(command, environment));
  let command = program;
  for (const name of path) command = command.command(name);
  let given: Record<string, unknown> = {};
  withOptions(command).action((options: Record<string, unknown>) => {
    given = options;
  });
  program.parse([...path, ...args], { from: 'user' });
  return given;
}

test('a flag comes before the environment, the environment before the default', () => {
  const start = ['cluster', 'start'];
  expect(optionsGiven(start, [])).toMatchObject({ slots: 2, restart: true });
  expect(optionsGiven(start, [], { MILLRACE_SLOTS: '3' })).toMatchObject({ slots: 3 });
  expect(optionsGiven(start, ['--slots', '4'], { MILLRACE_SLOTS: '3' })).toMatchObject({ slots: 4 });
  expect(optionsGiven(start, [], { MILLRACE_SLOTS: '' })).toMatchObject({ slots: 2 });
});

test('switches are true or false in the environment', () => {
  expect(optionsGiven(['list'], [], { MILLRACE_ALL: 'true' })).toMatchObject({ all: true });
  expect(optionsGiven(['list'], [], { MILLRACE_ALL: 'false' })).toMatchObject({ all: false });
  expect(optionsGiven(['cluster', 'start'], [], { MILLRACE_NO_RESTART: '1' })).toMatchObject({
    restart: false,
  });
  expect(optionsGiven(['cluster', 'start'], ['--no-restart'], { MILLRACE_NO_RESTART: 'no' })).toMatchObject({
    restart: false,
  });
});

test('a variable is checked as its flag is, and named in the error', () => {
  expect(() => optionsGiven(['cluster', 'start'], [], { MILLRACE_SLOTS: 'many' })).toThrow(
    expect.objectContaining({
      code: 'MR_OPTION_INVALID',
      message: 'Cannot take MILLRACE_SLOTS="many": it is a whole number, from 1 to 256',
    }),
  );
  expect(() => optionsGiven(['cluster', 'start'], ['--slots', 'many'])).toThrow(
    '--slots is a whole number, from 1 to 256.',
  );
});

test('a variable of another verb does nothing', () => {
  expect(optionsGiven(['list'], [], { MILLRACE_SLOTS: 'many', MILLRACE_JSON: 'true' })).toEqual({
    json: true,
  });
});
