// Programs as users write them: right ones, and each kind of wrong one.
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { millrace, TestCluster } from '../support/cli.ts';
import { makeProject } from '../support/project.ts';

const NUMBERS = 'test/e2e/jobs/numbers.ts';
const temporary = mkdtempSync(join(tmpdir(), 'millrace-e2e-'));
afterAll(() => rmSync(temporary, { recursive: true, force: true }));

/** (module (func (export "add") (param i32 i32) (result i32) local.get 0 local.get 1 i32.add)) */
const ADD_WASM = Uint8Array.of(
  0,
  0x61,
  0x73,
  0x6d,
  1,
  0,
  0,
  0,
  1,
  7,
  1,
  0x60,
  2,
  0x7f,
  0x7f,
  1,
  0x7f,
  3,
  2,
  1,
  0,
  7,
  7,
  1,
  3,
  0x61,
  0x64,
  0x64,
  0,
  0,
  10,
  9,
  1,
  7,
  0,
  0x20,
  0,
  0x20,
  1,
  0x6a,
  0x0b,
);

test.each([
  {
    what: 'does not compile',
    files: { 'job.ts': 'export default (;\n' },
    message: /^MR_COMPILE: Cannot compile "job\.ts": job\.ts:1:17: /,
  },
  {
    what: 'imports what is not there',
    files: { 'job.ts': "import 'no-such-package';\n" },
    message: /^MR_COMPILE: .*"no-such-package"/,
  },
  {
    what: 'throws while it is imported',
    files: { 'job.ts': "throw new Error('no data today');\n" },
    message: /^MR_JOB_FILE: .*"job\.ts".*no data today/,
  },
  {
    what: 'ends the process while it is imported',
    files: { 'job.ts': 'process.exit(0);\n' },
    message: /^MR_JOB_FILE: .*"job\.ts".*process\.exit\(0\)/,
  },
  {
    what: 'waits for ever while it is imported',
    files: { 'job.ts': 'await new Promise(() => {});\nexport default 1;\n' },
    message: /^MR_JOB_FILE: .*"job\.ts".*never comes/,
  },
  {
    what: 'leaves a promise rejected',
    files: {
      'job.ts':
        "import { defineJob, fromArray } from '@millrace/api';\nPromise.reject(new Error('no data today'));\nexport default defineJob('left', (env) => void env.source(fromArray([1])).print());\n",
    },
    message: /^MR_JOB_FILE: .*"job\.ts".*no data today/,
  },
  {
    what: 'exports nothing, but leaves a timer',
    files: { 'job.ts': 'setInterval(() => {}, 1_000);\n' },
    message: /^MR_JOB_FILE: .*"job\.ts".*export default defineJob\(/,
  },
  {
    what: 'throws while it builds its graph',
    files: {
      'job.ts':
        "import { defineJob } from '@millrace/api';\nexport default defineJob('broken', () => {\n  throw new Error('no data today');\n});\n",
    },
    message: /^MR_JOB_FILE: .*"job\.ts".*no data today/,
  },
  {
    what: 'builds no graph',
    files: {
      'job.ts': "import { defineJob } from '@millrace/api';\nexport default defineJob('empty', () => {});\n",
    },
    message: /^MR_NO_GRAPH: .*"empty"/,
  },
  {
    what: 'exports nothing',
    files: { 'job.ts': 'export {};\n' },
    message: /^MR_JOB_FILE: .*"job\.ts".*export default defineJob\(/,
  },
  {
    what: 'imports a native add-on',
    files: {
      'job.ts': "import 'fast-native';\n",
      'node_modules/fast-native/index.js': "module.exports = require('./build/Release/addon.node');\n",
    },
    message: /^MR_NATIVE_ADDON: .*addon\.node/,
  },
  {
    what: 'is not there',
    files: {},
    message: /^MR_JOB_FILE: .*"job\.ts"/,
  },
])('a job file that $what gives one message that says so, and exit code 2', async ({ files, message }) => {
  using project = makeProject(files);
  const { exitCode, stdout, stderr } = await millrace(
    ['run', 'job.ts', '--config-dir', join(temporary, 'none')],
    { cwd: project.directory },
  );
  expect(stderr).toMatch(message);
  expect(stderr).not.toMatch(/at .*[\\/]packages[\\/]|node:internal/);
  expect(
    stderr
      .trimEnd()
      .split('\n')
      .filter((line) => line.startsWith('MR_')).length,
  ).toBe(1);
  expect(exitCode).toBe(2);
  expect(stdout).toBe('');
});

test('a job with a CommonJS dependency and a WebAssembly file runs on a cluster, and its stack names its own file', async () => {
  using project = makeProject({
    'node_modules/old-style/package.json': '{ "name": "old-style", "version": "1.0.0", "main": "main.js" }',
    'node_modules/old-style/main.js':
      "const { sep } = require('path');\nexports.label = (value) => `${sep}${value}`;\n",
    'lib/add.wasm': ADD_WASM,
    'lib/add.ts': [
      "import { readFileSync } from 'node:fs';",
      "const module = new WebAssembly.Module(readFileSync(new URL('./add.wasm', import.meta.url)));",
      'export const add = new WebAssembly.Instance(module).exports.add as (a: number, b: number) => number;',
    ].join('\n'),
    'job.ts': [
      "import { defineJob, fromArray } from '@millrace/api';",
      "import oldStyle from 'old-style';",
      "import { add } from './lib/add.ts';",
      "export default defineJob('packed', (env) => {",
      '  env.source(fromArray([1, 2])).map((value) => oldStyle.label(add(value, 40))).print();',
      '});',
    ].join('\n'),
  });
  await using cluster = await TestCluster.start(join(temporary, 'packed'), ['--slots', '1']);
  const { exitCode, stdout, stderr } = await cluster.run(['run', 'job.ts'], { cwd: project.directory });
  expect(exitCode, stderr).toBe(0);
  expect(stdout).toContain('1> /41\n1> /42\n');
});

test('the same job runs in one process, with threads and without', async () => {
  for (const flags of [['--embedded'], ['--embedded', '--threads', '0']]) {
    const { exitCode, stdout, stderr } = await millrace(['run', ...flags, NUMBERS, '--', '--count', '3']);
    expect(exitCode, stderr).toBe(0);
    expect(stdout.split('\n').filter((line) => line.includes('²'))).toEqual([
      '1> 0² = 0',
      '1> 1² = 1',
      '1> 2² = 4',
    ]);
  }
});

test('info prints the plan as text, JSON and mermaid, without a cluster', async () => {
  const inFormat = async (...flags: string[]) => {
    const { exitCode, stdout, stderr } = await millrace([
      'info',
      ...flags,
      '-p',
      '2',
      'examples/flight-delays/job.ts',
    ]);
    expect(exitCode, stderr).toBe(0);
    return stdout;
  };
  const text = await inFormat();
  expect(text).toContain('flight-delays');
  expect(text).toContain('tumbling window');
  const json = JSON.parse(await inFormat('--format', 'json')) as unknown;
  expect(JSON.stringify(json)).toContain('flight-delays');
  expect(await inFormat('--format', 'mermaid')).toMatch(/^(flowchart|graph) /m);
  expect(await millrace(['info', '--format', 'dot', NUMBERS])).toMatchObject({
    exitCode: 2,
    stderr: expect.stringContaining('mermaid'),
  });
});

test('check finds a type error by file and line with exit code 1, and nothing wrong with a right job', async () => {
  using project = makeProject({
    'tsconfig.json': JSON.stringify({
      compilerOptions: {
        strict: true,
        target: 'es2022',
        module: 'nodenext',
        noEmit: true,
        skipLibCheck: true,
        allowImportingTsExtensions: true,
      },
    }),
    'job.ts': [
      "import { defineJob, fromArray } from '@millrace/api';",
      "export default defineJob('typed', (env) => {",
      '  const wrong: string = 5;',
      '  env.source(fromArray([1])).map((value) => value.toFixed(wrong.length)).print();',
      '});',
    ].join('\n'),
  });
  using scratch = makeProject({});
  const env = { TMPDIR: scratch.directory };
  const wrong = await millrace(['check', 'job.ts'], { cwd: project.directory, env });
  expect(readdirSync(scratch.directory)).toEqual(['node_modules']); // Nothing is left behind.
  expect(wrong.stdout).toMatch(/job\.ts\(3,9\): error TS2322/);
  expect(wrong.exitCode).toBe(1);
  const right = await millrace(['check', '--json', NUMBERS]);
  expect(right.exitCode, right.stdout).toBe(0);
  expect(JSON.parse(right.stdout)).toMatchObject({ job: 'numbers', types: { isChecked: true, isOk: true } });
});

test('check finds the types of Node without a tsconfig.json and in a workspace below them, and takes JavaScript', async () => {
  const usesNode = [
    "import { sep } from 'node:path';",
    "import { defineJob, fromArray } from '@millrace/api';",
    "export default defineJob('node', (env) => void env.source(fromArray([1])).map((n) => sep + n).print());",
  ].join('\n');
  using project = makeProject({
    'node_modules/@types/node/package.json':
      '{ "name": "@types/node", "version": "1.0.0", "types": "index.d.ts" }',
    'node_modules/@types/node/index.d.ts': "declare module 'node:path' { export const sep: string; }\n",
    'job.ts': usesNode,
    'job.js': usesNode,
    'member/tsconfig.json': JSON.stringify({
      compilerOptions: { strict: true, target: 'es2022', module: 'nodenext', types: ['node'] },
    }),
    'member/job.ts': usesNode,
  });
  for (const file of ['job.ts', 'job.js', 'member/job.ts']) {
    const checked = await millrace(['check', file], { cwd: project.directory });
    expect(checked.stdout).toContain('Types: no errors');
    expect(checked.exitCode).toBe(0);
  }
});
