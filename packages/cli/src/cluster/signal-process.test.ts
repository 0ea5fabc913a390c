import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { identityOf } from './process-identity.ts';
import { signalProcess } from './signal-process.ts';

test('A process is signalled by its pid and identity, and not by its pid alone', async () => {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
  await once(child, 'spawn');
  const pid = child.pid ?? 0;
  const identity = identityOf(pid);
  expect(signalProcess({ pid, identity: `${identity}0` }, 'SIGKILL')).toBe(false);
  expect(signalProcess({ pid }, 'SIGKILL')).toBe(false);
  expect(identityOf(pid)).toBe(identity);
  const ended = once(child, 'exit');
  expect(signalProcess({ pid, identity }, 'SIGKILL')).toBe(true);
  expect(await ended).toEqual([null, 'SIGKILL']);
  expect(signalProcess({ pid, identity }, 'SIGKILL')).toBe(false);
});

// A signal that would end this process if it were sent: by 0 and by the negative of the group it would be.
test.each([0, -1, -process.pid, 0.5, Number.NaN, Infinity])('Nobody is signalled by the pid %d', (pid) => {
  expect(signalProcess({ pid, identity: identityOf(process.pid) }, 'SIGTERM')).toBe(false);
});

test('The init process is not signalled, although it is alive by its identity', () => {
  // What is sent where the check is missing only asks whether it is there.
  expect(signalProcess({ pid: 1, identity: identityOf(1) }, 'SIGCONT')).toBe(false);
});
