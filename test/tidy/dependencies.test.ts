// What we are built on: licences that allow any use, and packages that work without their install scripts.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { filesBelow, root } from './sources.ts';

const PERMISSIVE = new Set([
  'MIT',
  'ISC',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'Apache-2.0',
  '0BSD',
  'BlueOak-1.0.0',
  'Unlicense',
  'CC0-1.0',
]);

interface PackageJson {
  readonly name: string;
  readonly version: string;
  readonly private?: boolean;
  readonly license?: unknown;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

/** A package on the disk: where it is, and what it says of itself. */
interface Installed {
  readonly directory: string;
  readonly json: PackageJson;
}

function readPackage(directory: string): Installed {
  return {
    directory,
    json: JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8')) as PackageJson,
  };
}

/** Our packages that are published; the examples and the tests are not. */
const published = filesBelow('packages', 'package.json')
  .map(({ path }) => readPackage(join(root, dirname(path))))
  .filter(({ json }) => json.private !== true);

/** The directory of a dependency as Node finds it from `directory`; undefined for an optional one that is not installed. */
function locate(directory: string, name: string): string | undefined {
  for (let at = directory; ; at = dirname(at)) {
    const found = join(at, 'node_modules', name);
    if (existsSync(join(found, 'package.json'))) return realpathSync(found);
    if (at === dirname(at)) return undefined;
  }
}

/** Everything that a user who installs our packages gets, ours left out. */
function productionDependencies(): Installed[] {
  const found = new Map<string, Installed>();
  const visit = ({ directory, json }: Installed): void => {
    for (const name of Object.keys({ ...json.dependencies, ...json.optionalDependencies })) {
      const at = locate(directory, name);
      if (at === undefined) {
        if (json.dependencies?.[name] !== undefined)
          throw new Error(`${json.name} needs ${name}, which is not installed`);
        continue;
      }
      if (found.has(at)) continue;
      const dependency = readPackage(at);
      found.set(at, dependency);
      visit(dependency);
    }
  };
  for (const ours of published) visit(ours);
  return [...found.values()].filter(({ json }) => !json.name.startsWith('@millrace/'));
}

/** True for an SPDX expression that leaves the user a permissive choice, or demands only permissive ones. */
function isPermissive(license: unknown): boolean {
  if (typeof license !== 'string') return false;
  const expression = license.replaceAll(/[()]/g, ' ').trim();
  if (/\sOR\s/.test(expression))
    return (
      !/\sAND\s/.test(expression) && expression.split(/\s+OR\s+/).some((part) => PERMISSIVE.has(part.trim()))
    );
  return expression.split(/\s+AND\s+/).every((part) => PERMISSIVE.has(part.trim()));
}

test('our packages are under the MIT licence, and the text of it is in the root', () => {
  expect(published.length).toBeGreaterThan(5);
  expect(published.filter(({ json }) => json.license !== 'MIT').map(({ json }) => json.name)).toEqual([]);
  expect(readFileSync(join(root, 'LICENSE'), 'utf8')).toMatch(/^MIT License\n/);
});

test('whatever a user installs with our packages has a permissive licence', () => {
  const dependencies = productionDependencies();
  expect(dependencies.length).toBeGreaterThan(10);
  const wrong = dependencies.filter(({ json }) => !isPermissive(json.license));
  expect(
    wrong.map(
      ({ json }) =>
        `${json.name}@${json.version}: ${JSON.stringify(json.license)}; choose another package, or allow its licence here`,
    ),
  ).toEqual([]);
});

test('the workspace is installed with install scripts blocked', () => {
  expect(readFileSync(join(root, 'pnpm-workspace.yaml'), 'utf8')).toMatch(/^ignoreScripts: true$/m);
});

test('every direct dependency loads although no install script has run', () => {
  const loaded = new Set<string>();
  for (const { directory, json } of published) {
    const names = Object.keys(json.dependencies ?? {}).filter(
      (name) => !name.startsWith('@millrace/') && !loaded.has(name),
    );
    if (names.length === 0) continue;
    // A process in the package that needs them, as a user's Node would resolve them.
    const text = names.map((name) => `await import(${JSON.stringify(name)});`).join(' ');
    execFileSync(process.execPath, ['--input-type=module', '-e', text], { cwd: directory });
    for (const name of names) loaded.add(name);
  }
  expect(loaded.size).toBeGreaterThan(5);
});

test('LevelDB and esbuild do their work although no install script has run', () => {
  const cli = join(root, 'packages', 'cli');
  const bundle =
    "import { transform } from 'esbuild'; process.stdout.write((await transform('export const one: number = 1;', { loader: 'ts', minify: true })).code)";
  expect(
    execFileSync(process.execPath, ['--input-type=module', '-e', bundle], { cwd: cli, encoding: 'utf8' }),
  ).toBe('export const one=1;\n');
  const store = [
    "import { mkdtempSync, rmSync } from 'node:fs'; import { tmpdir } from 'node:os'; import { join } from 'node:path';",
    "import { ClassicLevel } from 'classic-level';",
    "const directory = mkdtempSync(join(tmpdir(), 'millrace-level-')); const level = new ClassicLevel(directory); await level.open();",
    "await level.put('key', 'value'); process.stdout.write(level.getSync('key')); await level.close(); rmSync(directory, { recursive: true });",
  ].join('\n');
  expect(
    execFileSync(process.execPath, ['--input-type=module', '-e', store], {
      cwd: join(root, 'packages', 'state'),
      encoding: 'utf8',
    }),
  ).toBe('value');
});
