// Who may import whom, and where the outside world may be touched. Each message says what to do.
import { expect, test } from 'vitest';
import { packageOf, placesOf, shippedSources, type SourceFile } from './sources.ts';

/** Allowed imports between packages; `testing` may use everything but the command. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  common: [],
  proto: ['common'],
  api: ['common', 'proto'],
  state: ['common', 'proto', 'api'],
  runtime: ['common', 'proto', 'api', 'state'],
  taskmanager: ['common', 'proto', 'api', 'state', 'runtime'],
  jobmanager: ['common', 'proto', 'api'],
  'connectors/files': ['api'],
  embedded: ['common', 'proto', 'api', 'state', 'runtime', 'jobmanager', 'taskmanager'],
  testing: ['common', 'proto', 'api', 'state', 'runtime', 'jobmanager', 'taskmanager', 'embedded'],
  cli: ['common', 'proto', 'api', 'jobmanager', 'taskmanager', 'embedded'],
};

const IMPORT = /(?:from|import)\s*\(?\s*'([^']+)'/g;

function importsOf(file: SourceFile): string[] {
  return [...file.text.matchAll(IMPORT)].map((match) => match[1] ?? '');
}

test('packages import only the packages below them', () => {
  const wrong = shippedSources().flatMap((file) => {
    const from = packageOf(file.path);
    const allowed = MAY_IMPORT[from] ?? [];
    return importsOf(file)
      .filter((target) => target.startsWith('@millrace/'))
      .map((target) => target.slice('@millrace/'.length).split('/')[0] ?? '')
      .map((target) => target.replace(/^connector-/, 'connectors/'))
      .filter((target) => target !== from && !allowed.includes(target))
      .map((target) => `${file.path}: imports @millrace/${target}; ${from} may import ${allowed.join(', ') || 'nothing'}`);
  });
  expect(wrong).toEqual([]);
});

test('no file imports through the index of its own package, or another package by path', () => {
  const wrong = shippedSources().flatMap((file) =>
    importsOf(file)
      .filter((target) => /(^|\/)index\.ts$/.test(target) || /\.\.\/(\.\.\/)+(packages|connectors|common|proto|api|state|runtime)\//.test(target) || target === `@millrace/${packageOf(file.path)}`)
      .filter((target) => !(file.path.endsWith('/adapter/index.ts') || target === './adapter/index.ts'))
      .map((target) => `${file.path}: imports ${target}; import the file that has it`),
  );
  expect(wrong).toEqual([]);
});

/** Folders and files that may touch the world although their package decides: the adapters of the ports. */
const ADAPTERS = [/\/adapter\//, /^packages\/jobmanager\/src\/main\.ts$/, /^packages\/jobmanager\/src\/(start-|grpc)/];
const DECIDING = new Set(['common', 'proto', 'api', 'state', 'runtime', 'jobmanager', 'connectors/files']);
const WORLD = /\bDate\.now\b|\bMath\.random\b|\bsetTimeout\b|\bsetInterval\b|\bsetImmediate\b|\bperformance\.now\b|\brandomUUID\b|\bnew Date\(\)/;
const WORLD_IMPORTS = /^(node:)?(fs|fs\/promises|net|http|http2|worker_threads|child_process|crypto|os|timers)$|^@grpc\//;

test('what decides touches no clock, chance, file, socket or thread', () => {
  const wrong = shippedSources()
    .filter((file) => DECIDING.has(packageOf(file.path)) && !ADAPTERS.some((adapter) => adapter.test(file.path)))
    .flatMap((file) => [
      ...placesOf(file, WORLD).map((place) => `${place}  (take it from a port of common/src/ports.ts)`),
      ...importsOf(file).filter((target) => WORLD_IMPORTS.test(target)).map((target) => `${file.path}: imports ${target}; only adapters may`),
    ]);
  expect(wrong).toEqual([]);
});

const HOT = [/^packages\/proto\/src\/data\//, /^packages\/runtime\/src\/(channel|operator)\//];

test('hot folders have no promises, generators, timers or spread calls per record', () => {
  const wrong = shippedSources()
    .filter((file) => HOT.some((folder) => folder.test(file.path)))
    .flatMap((file) => placesOf(file, /\bawait\b|\bfunction\s*\*|\byield\b|\.unshift\(|\.shift\(/).map((place) => `${place}  (see the rules for hot folders in docs/ARCHITECTURE.md)`))
    .filter((place) => !/\/(open|restore|load|snapshot|commit|sink|static-join|table)[\w-]*\.ts:/.test(place));
  expect(wrong).toEqual([]);
});
