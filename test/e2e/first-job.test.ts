// A user's first job: docs/guides/first-job.md is followed to the letter in an empty folder outside the workspace, with the
// packages as they would be published. Needs the package registry, as `npm install` does.
import { execFile } from 'node:child_process';
import {
  mkdtempSync,
  readFileSync,
  readdirSync,
  existsSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters } from 'node:util';
import { afterAll, describe, expect, test } from 'vitest';
import { codeBlocks, missingLine, type CodeBlock } from '../support/guide.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const guide = codeBlocks(readFileSync(join(root, 'docs/guides/first-job.md'), 'utf8'));
const home = realpathSync(mkdtempSync(join(tmpdir(), 'millrace-first-job-')));
const folder = join(home, 'greenhouse');
const PRINTED_BYTES_MAX = 16 * 1024 * 1024;
const packages = join(folder, 'node_modules', '@millrace');

/** What a user's shell has: nothing of this test's process, and a home of its own. */
function userEnvironment(): Record<string, string> {
  const env: Record<string, string> = {};
  const ownKey =
    /^(VITEST|MILLRACE|NODE_ENV|NODE_OPTIONS|TEST|FORCE_COLOR|INIT_CWD|npm_(lifecycle|package|command|config_local_prefix))/;
  for (const [key, value] of Object.entries(process.env))
    if (value !== undefined && !ownKey.test(key)) env[key] = value;
  const originalHome = process.env['HOME'] ?? '';
  env['PATH'] = (env['PATH'] ?? '')
    .split(delimiter)
    .filter((path) => !path.includes('node_modules'))
    .join(delimiter);
  env['npm_config_userconfig'] ??= join(originalHome, '.npmrc');
  env['npm_config_cache'] ??= join(originalHome, '.npm');
  return {
    ...env,
    HOME: home,
    npm_config_prefer_offline: 'true',
    npm_config_audit: 'false',
    npm_config_fund: 'false',
    npm_config_update_notifier: 'false',
    NO_COLOR: '1',
    MILLRACE_SKIP_BUILD: '1',
  };
}

const env = userEnvironment();

/** Runs a process to its end with the user's environment, and nothing else of this process's. */
function run(
  command: string,
  args: readonly string[],
  cwd: string,
): Promise<{ exitCode: number | string; printed: string }> {
  return new Promise((resolve) => {
    execFile(command, args, { cwd, env, maxBuffer: PRINTED_BYTES_MAX }, (error, stdout, stderr) => {
      resolve({
        exitCode: error === null ? 0 : (error.code ?? 'signal'),
        printed: stripVTControlCharacters(`${stdout}${stderr}`),
      });
    });
  });
}

/** Runs a block of commands; what is printed to either stream. */
async function runCommands(block: CodeBlock): Promise<string> {
  const cwd = block.attributes['in'] === 'checkout' ? root : existsSync(folder) ? folder : home;
  const { exitCode, printed } = await run('bash', ['-e', '-c', block.text], cwd);
  if (exitCode !== 0)
    throw new Error(
      `Line ${block.line} of the guide ends with exit code ${exitCode}:\n${block.text}\n${printed}`,
    );
  return printed;
}

function stopCluster(): Promise<unknown> {
  const command = join(packages, 'cli', 'bin', 'millrace.cjs');
  return existsSync(command)
    ? run(process.execPath, [command, 'cluster', 'stop'], folder)
    : Promise.resolve();
}

describe('A first job', () => {
  afterAll(async () => {
    await stopCluster();
    rmSync(home, { recursive: true, force: true });
  });

  test('works when the guide is followed literally in an empty folder', { timeout: 480_000 }, async () => {
    let printed = '';
    for (const block of guide) {
      const { file } = block.attributes;
      if (file !== undefined) writeFileSync(join(folder, file), block.text);
      else if (block.language === 'sh') printed = await runCommands(block);
      else if (block.language === 'text') {
        const missing = missingLine(block.text, printed);
        if (missing !== undefined)
          throw new Error(`Line ${block.line} of the guide: "${missing}" was not printed, but:\n${printed}`);
      } else throw new Error(`Line ${block.line} of the guide: nothing says what to do with this block`);
    }
    // What the guide cannot show: the kill hit the job, and no process is left.
    expect(readFileSync(join(folder, 'run.txt'), 'utf8')).toMatch(/^ {2}restarts {5}[1-9]/m);
    expect(readFileSync(join(folder, 'killed.txt'), 'utf8').split('\n').length - 1).toBe(40 * 34);
  });

  test('has types under both module resolutions that it may use', { timeout: 60_000 }, async () => {
    const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
    for (const resolution of ['nodenext', 'bundler']) {
      const module = resolution === 'bundler' ? 'esnext' : resolution;
      const flags = [
        '--noEmit',
        '--strict',
        '--exactOptionalPropertyTypes',
        '--target',
        'es2022',
        '--module',
        module,
        '--moduleResolution',
        resolution,
      ];
      const { exitCode, printed } = await run(
        process.execPath,
        [compiler, ...flags, '--types', 'node', '--ignoreConfig', 'job.ts'],
        folder,
      );
      expect({ resolution, exitCode, printed }).toEqual({ resolution, exitCode: 0, printed: '' });
    }
  });

  test('gets packages in which everything is that their manifests name, and no tests', () => {
    const missing: string[] = [];
    for (const name of readdirSync(packages)) {
      const manifest = JSON.parse(readFileSync(join(packages, name, 'package.json'), 'utf8')) as Record<
        string,
        unknown
      >;
      for (const path of pathsIn([manifest['exports'], manifest['bin']]))
        if (!existsSync(join(packages, name, path))) missing.push(`${name}: ${path}`);
      for (const path of readdirSync(join(packages, name), { recursive: true }).map(String)) {
        if (/\.(test|testing)\.|test-d\.ts|tsbuildinfo/.test(path))
          missing.push(`${name}: ${path} should not be there`);
      }
      expect(manifest).toMatchObject({
        license: 'MIT',
        type: 'module',
        engines: { node: '>=20.19' },
        sideEffects: false,
      });
    }
    expect(missing).toEqual([]);
    expect(existsSync(join(packages, 'taskmanager', 'dist', 'worker', 'worker-main.mjs'))).toBe(true);
  });
});

/** Every relative path in a nested value. */
function pathsIn(value: unknown): string[] {
  if (typeof value === 'string') return value.startsWith('./') ? [value] : [];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(pathsIn) : [];
}
