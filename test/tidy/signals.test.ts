// A signal to pid 0 goes to the whole process group, one to -1 to everybody, and a pid may be somebody else's by now.
import { expect, test } from 'vitest';
import { filesBelow, placesOf } from './sources.ts';

const SENDS = 'packages/cli/src/cluster/signal-process.ts';
/** A process may end itself; one of the simulator has no pid. */
const SIGNALS = /\bprocess\.kill\((?!process\.pid\b|\))/;
/** By another name, or by a tool. */
const OTHER_WAYS =
  /\{[^}]*\bkill\b[^}]*\}\s*(=\s*(globalThis\.)?process\b(?!\.)|from 'node:process')|(^|[^\w-])(pkill|killall|skill)\b|(exec|spawn)\w*\(\s*'kill'/;

test('processes are signalled by their handles, or where it is certain that they are the ones that are meant', () => {
  const sources = [
    ...filesBelow('packages', '.ts'),
    ...['.ts', '.mts', '.mjs', '.cjs'].flatMap((ending) => filesBelow('test', ending)),
    ...filesBelow('examples', '.ts'),
    ...filesBelow('scripts', '.mjs'),
  ].filter(({ path }) => path !== SENDS && !path.startsWith('test/tidy/'));
  expect(sources.flatMap((file) => placesOf(file, SIGNALS))).toEqual([]);
  expect(sources.filter(({ text }) => OTHER_WAYS.test(text)).map(({ path }) => path)).toEqual([]);
});

test('the rule sees what it forbids', () => {
  const seen = (text: string): boolean =>
    placesOf({ path: '', text }, SIGNALS).length > 0 || OTHER_WAYS.test(text);
  for (const text of [
    'process.kill(pid, signal);',
    "process.kill(findRunning(directory, id)?.pid ?? 0, 'SIGKILL');",
    "globalThis.process.kill(0, 'SIGKILL');",
    'const { kill } = process;',
    "import { kill } from 'node:process';",
    "execFileSync('kill', ['-9', '0']);",
    'sh -c "pkill node"',
  ])
    expect(seen(text), text).toBe(true);
  for (const text of ["process.kill(process.pid, 'SIGKILL');", 'process.kill();', "child.kill('SIGKILL');"])
    expect(seen(text), text).toBe(false);
});
