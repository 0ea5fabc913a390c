// The type check of the tests and the linter, so that `npm test` covers them. Both need the packages to be built.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { root } from './sources.ts';

const CHECK_TIMEOUT_MS = 120_000;

/** Runs a JavaScript file of a development dependency in the root; returns what it says when it is not content. */
function complaintsOf(entry: string, ...args: string[]): string {
  const { status, stdout, stderr, error } = spawnSync(
    process.execPath,
    [join(root, 'node_modules', entry), ...args],
    {
      cwd: root,
      encoding: 'utf8',
      timeout: CHECK_TIMEOUT_MS,
      env: { ...process.env, NO_COLOR: '1' },
    },
  );
  return status === 0 ? '' : `${stdout}${stderr}${error?.message ?? ''}` || `exit code ${String(status)}`;
}

test('tests, benchmarks and examples have no type errors', { timeout: CHECK_TIMEOUT_MS }, () => {
  expect(complaintsOf('typescript/bin/tsc', '-p', 'tsconfig.test.json', '--noEmit')).toBe('');
});

test('the linter finds nothing', { timeout: CHECK_TIMEOUT_MS }, () => {
  expect(complaintsOf('oxlint/bin/oxlint', '--type-aware')).toBe('');
});

test('no file, export or dependency is dead', { timeout: CHECK_TIMEOUT_MS }, () => {
  expect(complaintsOf('knip/bin/knip.js', '--no-progress')).toBe('');
});
