import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { commandLineOf, identityOf, isAlive } from './process-identity.ts';

test('A process is alive by its pid and identity, and not by its pid alone', async () => {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)', 'recognized'], {
    stdio: 'ignore',
  });
  await once(child, 'spawn');
  const pid = child.pid ?? 0;
  const identity = identityOf(pid);
  expect(identity).toMatch(/./);
  expect(isAlive({ pid, identity })).toBe(true);
  // The same pid after a restart of the machine, or given to another process.
  expect(isAlive({ pid, identity: `${identity}0` })).toBe(false);
  expect(isAlive({ pid })).toBe(false);
  expect(commandLineOf(pid)).toContain('recognized');

  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
  expect(isAlive({ pid, identity })).toBe(false);
  expect(identityOf(pid)).toBeUndefined();
});

test('A process that has ended and that nobody has waited for is not alive', async () => {
  // The shell's child ends at once; the shell becomes `sleep`, which waits for nobody.
  const shell = spawn('sh', ['-c', 'true & echo $!; exec sleep 30'], { stdio: ['ignore', 'pipe', 'ignore'] });
  const [line] = (await once(shell.stdout, 'data')) as [Buffer];
  await expect.poll(() => identityOf(Number(line.toString()))).toBeUndefined();
  shell.kill('SIGKILL');
});

test('There is no process with pid 0, a negative pid or none', () => {
  for (const pid of [0, -1, Number.NaN]) expect(identityOf(pid)).toBeUndefined();
});
