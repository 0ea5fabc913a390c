// Who may import whom, and where the outside world may be touched. Each message says what to do.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { codeLines, importsOf, isTestSupport, packageOf, placesOf, root, shippedSources } from './sources.ts';

/** Allowed imports between packages; `testing` may use everything but the command. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  common: [],
  proto: ['common'],
  api: ['common', 'proto'],
  state: ['common', 'proto', 'api'],
  runtime: ['common', 'proto', 'api', 'state'],
  taskmanager: ['common', 'proto', 'api', 'state', 'runtime'],
  jobmanager: ['common', 'proto'],
  'connectors/files': ['api'],
  'connectors/nexmark': ['api'],
  embedded: ['common', 'proto', 'api', 'state', 'runtime', 'jobmanager', 'taskmanager'],
  testing: ['common', 'proto', 'api', 'state', 'runtime', 'jobmanager', 'taskmanager', 'embedded'],
  cli: ['common', 'proto', 'api', 'state', 'jobmanager', 'taskmanager', 'embedded'],
};

test('packages import only the packages below them', () => {
  const wrong = shippedSources().flatMap((file) => {
    const from = packageOf(file.path);
    const allowed = MAY_IMPORT[from] ?? [];
    return importsOf(file)
      .filter(({ target }) => target.startsWith('@millrace/'))
      .map(({ target, line }) => ({
        line,
        name: (target.split('/')[1] ?? '').replace(/^connector-/, 'connectors/'),
      }))
      .filter(({ name }) => !allowed.includes(name))
      .map(
        ({ name, line }) =>
          `${file.path}:${line}: imports @millrace/${name}; ${from} may import ${allowed.join(', ') || 'nothing'}`,
      );
  });
  expect(wrong).toEqual([]);
});

test('every package has a place among the layers', () => {
  expect(
    [...new Set(shippedSources().map(({ path }) => packageOf(path)))].filter((name) => !(name in MAY_IMPORT)),
  ).toEqual([]);
});

test('another package is imported by its name, and only through what its package.json exports', () => {
  const wrong = shippedSources().flatMap((file) =>
    importsOf(file)
      .filter(({ target }) =>
        target.startsWith('@millrace/') ? !isExported(target) : isOutsideOwnPackage(file.path, target),
      )
      .map(
        ({ target, line }) =>
          `${file.path}:${line}: imports ${target}; import '@millrace/<package>', or export it there`,
      ),
  );
  expect(wrong).toEqual([]);
});

function isExported(target: string): boolean {
  const [, name = '', ...rest] = target.split('/');
  const path = join(root, 'packages', name.replace(/^connector-/, 'connectors/'), 'package.json');
  if (!existsSync(path)) return false;
  const { exports } = JSON.parse(readFileSync(path, 'utf8')) as { exports: Record<string, unknown> };
  return ['.', ...rest].join('/') in exports;
}

/** True for a relative path that leaves `src`, except to what is built or shipped beside it. */
function isOutsideOwnPackage(path: string, target: string): boolean {
  if (!target.startsWith('.')) return false;
  const source = `packages/${packageOf(path)}/src/`;
  return !join(path, '..', target).split('\\').join('/').startsWith(source);
}

test('the index of a package is for others: no file of the package imports it', () => {
  const wrong = shippedSources().flatMap((file) => {
    const source = `packages/${packageOf(file.path)}/src`;
    return importsOf(file)
      .filter(
        ({ target }) => target.startsWith('.') && join(file.path, '..', target) === `${source}/index.ts`,
      )
      .map(({ target, line }) => `${file.path}:${line}: imports ${target}; import the file that has it`);
  });
  expect(wrong).toEqual([]);
});

test('nothing that is shipped imports what only tests use', () => {
  const wrong = shippedSources().flatMap((file) =>
    importsOf(file)
      .filter(({ target }) => target.startsWith('.') && isTestSupport(target))
      .map(({ target, line }) => `${file.path}:${line}: imports ${target}; move what is shipped out of it`),
  );
  expect(wrong).toEqual([]);
});

test('files of a package do not import each other in a circle', () => {
  const files = shippedSources();
  const known = new Set(files.map(({ path }) => path));
  const edges = new Map(
    files.map((file) => [
      file.path,
      valueImports(file)
        .map((target) => join(file.path, '..', target))
        .filter((path) => known.has(path)),
    ]),
  );
  expect(circlesOf(edges)).toEqual([]);
});

/** Relative imports that exist when the program runs; types may refer to each other. */
function valueImports(file: { readonly path: string; readonly text: string }): string[] {
  const code = codeLines({ path: file.path, text: file.text })
    .map((line) => line.code)
    .join('\n');
  return [...code.matchAll(/^(import|export)\s+(?!type\b)([^'";]*?)\s*from\s*'(\.[^']+)'/gm)]
    .filter(
      ([, , names = '']) =>
        !/^\{[^}]*\}$/.test(names) ||
        names
          .slice(1, -1)
          .split(',')
          .some((name) => name.trim() !== '' && !name.trim().startsWith('type ')),
    )
    .map(([, , , target = '']) => target);
}

function circlesOf(edges: ReadonlyMap<string, readonly string[]>): string[] {
  const circles: string[] = [];
  const isDone = new Set<string>();
  const visit = (path: string, above: readonly string[]): void => {
    const start = above.indexOf(path);
    if (start !== -1) circles.push([...above.slice(start), path].join(' → '));
    if (start !== -1 || isDone.has(path)) return;
    for (const next of edges.get(path) ?? []) visit(next, [...above, path]);
    isDone.add(path);
  };
  for (const path of edges.keys()) visit(path, []);
  return circles;
}

/** Folders and files that may touch the world although their package decides: the adapters of the ports. */
const ADAPTERS = [
  /\/adapter\//,
  /^packages\/jobmanager\/src\/main\.ts$/,
  /^packages\/jobmanager\/src\/(start-|grpc)/,
];
const DECIDING = new Set([
  'common',
  'proto',
  'api',
  'state',
  'runtime',
  'jobmanager',
  'connectors/files',
  'connectors/nexmark',
]);
const WORLD =
  /\bDate\.now\b|\bMath\.random\b|\bsetTimeout\b|\bsetInterval\b|\bsetImmediate\b|\bperformance\.now\b|\brandomUUID\b|\bnew Date\(\)/;
const WORLD_IMPORTS =
  /^(node:)?(fs|fs\/promises|net|http|http2|worker_threads|child_process|crypto|os|timers)$|^@grpc\//;

/** Deciding parts of a package that otherwise acts. */
const CORES = [/^packages\/taskmanager\/src\/task-executor\//];

test('what decides touches no clock, chance, file, socket or thread', () => {
  const isDeciding = (path: string): boolean =>
    CORES.some((core) => core.test(path)) ||
    (DECIDING.has(packageOf(path)) && !ADAPTERS.some((adapter) => adapter.test(path)));
  const wrong = shippedSources()
    .filter(({ path }) => isDeciding(path))
    .flatMap((file) => [
      ...placesOf(file, WORLD).map((place) => `${place}  (take it from a port of common/src/ports.ts)`),
      ...importsOf(file)
        .filter(({ target }) => WORLD_IMPORTS.test(target))
        .map(({ target, line }) => `${file.path}:${line}: imports ${target}; only adapters may`),
    ]);
  expect(wrong).toEqual([]);
});

/** As `docs/ARCHITECTURE.md` lists them. */
const HOT = [
  ...(readFileSync(join(root, 'docs/ARCHITECTURE.md'), 'utf8').split('## Hot folders')[1] ?? '').matchAll(
    /`(packages\/[\w/-]+)`/g,
  ),
].map((match) => `${match[1]}/`);
/** Steps of an operator's, a channel's or a store's life; they run between batches. */
const LIFECYCLE = /^(open|close|commit|snapshot|restore|write|read|drain|call[A-Z])/;

test('the hot folders that docs/ARCHITECTURE.md lists are there', () => {
  expect(HOT.length).toBeGreaterThan(5);
  expect(HOT.filter((folder) => !existsSync(join(root, folder)))).toEqual([]);
});

test('in hot folders only the steps of a lifecycle are asynchronous', () => {
  const wrong = shippedSources()
    .filter(({ path }) => HOT.some((folder) => path.startsWith(folder)))
    .flatMap((file) => {
      let enclosing = '(a function without a name)';
      return codeLines(file)
        .filter(({ code }) => /\basync\b/.test(code))
        .map(({ code, line }) => ({ line, name: (enclosing = asynchronousName(code) ?? enclosing) }))
        .filter(({ name }) => !LIFECYCLE.test(name))
        .map(
          ({ line, name }) =>
            `${file.path}:${line}: ${name} is asynchronous; asynchronous work enters through the mailbox`,
        );
    });
  expect(wrong).toEqual([]);
});

/** The name of the asynchronous function that begins on this line: of a function, a method, or what it is assigned to; else the one around it. */
function asynchronousName(code: string): string | undefined {
  const declared = /\basync\s+(?:function\s+)?#?(\w+)\s*[(<]/.exec(code)?.[1];
  return declared ?? /#?(\w+)\??\s*[:=]\s*async\b/.exec(code)?.[1];
}

test('hot folders have no generators, no timers and no arrays used as queues', () => {
  const wrong = shippedSources()
    .filter(({ path }) => HOT.some((folder) => path.startsWith(folder)))
    .flatMap((file) => placesOf(file, /\bfunction\s*\*|\byield\b|\.unshift\(|\.shift\(|\bsetTimeout\b/));
  expect(wrong.map((place) => `${place}  (see "Hot folders" in docs/ARCHITECTURE.md)`)).toEqual([]);
});
