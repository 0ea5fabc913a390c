// `check`: the user's own TypeScript over the job file, then the bundle and the graph; nothing is run on a cluster.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { MillraceError } from '@millrace/common';
import { ExitCode } from '../exit-code.ts';
import { printJson, printLines } from './context.ts';
import { prepareJob, type RunOptions } from './prepare-job.ts';

/** Exit code: 1 for types that are wrong, and for types that cannot be checked unless `types` is false. */
export async function check(
  file: string,
  args: readonly string[],
  options: RunOptions & { readonly types?: boolean },
): Promise<ExitCode> {
  const { submission } = await prepareJob(file, args, options);
  const { name, nodes } = submission.streamGraph;
  const operators = nodes.filter((node) => node.isImplicit !== true).length;
  const isWanted = options.types !== false;
  const types = isWanted ? await checkTypes(resolve(file)) : UNCHECKED;
  if (options.json === true) {
    printJson({
      file,
      job: name,
      operators,
      types,
    });
  } else {
    printLines([
      ...types.output,
      types.isChecked
        ? `Types: ${types.isOk ? 'no errors' : 'errors'} (TypeScript ${types.version})`
        : isWanted
          ? 'Types: not checked, because TypeScript is not installed beside the job file: npm install --save-dev typescript, or leave them unchecked with --no-types'
          : 'Types: not checked, as asked for with --no-types',
      `Graph: job "${name}" with ${operators} operators`,
    ]);
  }
  return types.isOk === true || !isWanted ? ExitCode.Ok : ExitCode.Failure;
}

interface TypeCheck {
  readonly isChecked: boolean;
  /** null: not checked. */
  readonly isOk: boolean | null;
  readonly version: string;
  readonly output: readonly string[];
}

const UNCHECKED: TypeCheck = { isChecked: false, isOk: null, version: '', output: [] };

/** Runs the TypeScript that the job file would resolve, with the nearest tsconfig.json. */
async function checkTypes(path: string): Promise<TypeCheck> {
  const require = createRequire(path);
  let packagePath: string;
  try {
    packagePath = require.resolve('typescript/package.json');
  } catch {
    return UNCHECKED;
  }
  const { version, bin } = require(packagePath) as { version: string; bin: Record<string, string> };
  const compiler = join(dirname(packagePath), bin['tsc'] ?? 'bin/tsc');
  const config = nearestConfig(dirname(path));
  const directory = await mkdtemp(join(tmpdir(), 'millrace-check-'));
  try {
    const target =
      config === undefined ? defaultFlags(path, version) : await flagsForProject(config, path, directory);
    const { exitCode, output } = await runCompiler(compiler, target, dirname(path));
    return { isChecked: true, isOk: exitCode === 0, version, output };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

const STRICT_DEFAULTS = [
  '--noEmit',
  '--strict',
  '--skipLibCheck',
  '--target',
  'es2022',
  '--module',
  'nodenext',
  '--allowImportingTsExtensions',
];

function defaultFlags(path: string, version: string): string[] {
  // From TypeScript 6 on the types of Node are there only if asked for; before, `*` is the name of a package.
  const types = Number.parseInt(version, 10) >= 6 ? ['--types', '*'] : [];
  return [...STRICT_DEFAULTS, ...types, ...(isJavaScript(path) ? ['--allowJs'] : []), path];
}

/** TypeScript takes a JavaScript file only when told, and then looks at its syntax. */
function isJavaScript(path: string): boolean {
  return /\.[cm]?jsx?$/.test(path);
}

/** The project's options for this one file, in a configuration of its own in `directory`. */
async function flagsForProject(config: string, path: string, directory: string): Promise<string[]> {
  const derived = join(directory, 'tsconfig.json');
  const typeRoots = typeRootsAbove(dirname(config));
  await writeFile(
    derived,
    JSON.stringify({
      extends: config,
      compilerOptions: {
        noEmit: true,
        skipLibCheck: true,
        composite: false,
        incremental: false,
        declaration: false,
        declarationMap: false,
        allowImportingTsExtensions: true,
        ...(isJavaScript(path) ? { allowJs: true } : {}),
        ...(typeRoots.length > 0 ? { typeRoots } : {}),
      },
      files: [path],
      include: [],
      references: [],
    }),
  );
  return ['-p', derived];
}

/** Where TypeScript would look from the project's own configuration: a workspace has its types in a folder above. */
function typeRootsAbove(directory: string): string[] {
  const root = join(directory, 'node_modules', '@types');
  const roots = existsSync(root) ? [root] : [];
  return dirname(directory) === directory ? roots : [...roots, ...typeRootsAbove(dirname(directory))];
}

function nearestConfig(directory: string): string | undefined {
  for (let at = directory; ; at = dirname(at)) {
    const config = join(at, 'tsconfig.json');
    if (existsSync(config)) return config;
    if (dirname(at) === at) return undefined;
  }
}

const CHECK_TIMEOUT_MS = 120_000;
const OUTPUT_LINES_MAX = 200;

function runCompiler(
  compiler: string,
  flags: readonly string[],
  cwd: string,
): Promise<{ exitCode: number; output: string[] }> {
  return new Promise((resolvePromise, reject) => {
    const child = spawn(process.execPath, [compiler, '--pretty', 'false', ...flags], {
      cwd,
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: CHECK_TIMEOUT_MS,
    });
    let text = '';
    child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (text += chunk.toString()));
    child.once('error', (cause) =>
      reject(new MillraceError('MR_IO', `Cannot run TypeScript: ${cause.message}`, { cause })),
    );
    child.once('close', (code) => {
      const output = text
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => shorten(line, cwd));
      resolvePromise({ exitCode: code ?? 1, output: output.slice(0, OUTPUT_LINES_MAX) });
    });
  });
}

/** Paths as the user knows them. */
function shorten(line: string, cwd: string): string {
  const match = /^(\S+?)(\(\d+,\d+\): .*)$/.exec(line);
  return match === null ? line : `${relative(process.cwd(), resolve(cwd, match[1] ?? ''))}${match[2] ?? ''}`;
}
