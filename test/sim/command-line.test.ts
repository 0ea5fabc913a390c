// What is wrong with a command line of the simulator is said in a line.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

test.each([
  ['run.mjs', ['--sed', '1'], "Unknown option '--sed'"],
  ['run.mjs', ['--seeds', 'many'], "Option '--seeds' takes a whole number from 1 to 4294967295, not 'many'"],
  ['run.mjs', ['--', '--seed=1.5'], "Option '--seed' takes a whole number from 0 to 4294967295, not '1.5'"],
  ['run.mjs', ['--pinned', 'seed-0'], "Nothing is kept as 'seed-0'; test/sim/pinned-seeds/ has "],
  ['plant-bugs.mjs', ['--minutes', 'x'], "Option '--minutes' takes a number from 0 to 100000, not 'x'"],
  ['plant-bugs.mjs', ['--only', 'no such bug'], "No planted bug has 'no such bug' in its name"],
] as const)('%s %j: %s', (script, args, problem) => {
  const path = fileURLToPath(new URL(script, import.meta.url));
  const { status, stdout, stderr } = spawnSync(process.execPath, [path, ...args], { encoding: 'utf8' });
  const [line, usage, ...others] = stderr.split('\n');
  expect(line?.startsWith(problem), stderr).toBe(true);
  expect(usage).toMatch(/^usage: pnpm sim/u);
  expect(others).toEqual(['']);
  expect(stdout).toBe('');
  expect(status).toBe(2);
});
