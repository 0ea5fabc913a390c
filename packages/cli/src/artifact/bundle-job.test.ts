import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { bundleJob, type Artifact } from './bundle-job.ts';

let directory = '';
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'millrace-bundle-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

async function write(path: string, text: string | Uint8Array): Promise<void> {
  await mkdir(dirname(join(directory, path)), { recursive: true });
  await writeFile(join(directory, path), text);
}

/** What the bundle exports, loaded where its sources are not. */
async function defaultExport(artifact: Artifact): Promise<unknown> {
  const elsewhere = await mkdtemp(join(tmpdir(), 'millrace-bundle-'));
  try {
    for (const [path, bytes] of artifact.files) await writeFile(join(elsewhere, path), bytes);
    const url = pathToFileURL(join(elsewhere, artifact.manifest.entry)).href;
    return ((await import(/* @vite-ignore */ url)) as { default: unknown }).default;
  } finally {
    await rm(elsewhere, { recursive: true, force: true });
  }
}

test('a job becomes one module with its source map, files named with their hash', async () => {
  await write('lib.ts', 'export enum Color { Red = 1 }');
  await write('job.ts', "import { Color } from './lib.ts';\nexport default Color.Red;");
  const artifact = await bundleJob('job.ts', directory);
  expect(artifact.manifest.entry).toBe('job.mjs');
  expect(artifact.manifest.files.map(({ path }) => path)).toEqual(['job.mjs', 'job.mjs.map']);
  expect(artifact.manifest.files[0]?.sha256).toMatch(/^[0-9a-f]{64}$/);
});

test('the source map names the files of the user where they are', async () => {
  await write('sub dir/job.ts', 'export default 1;');
  const artifact = await bundleJob('sub dir/job.ts', directory);
  const map = JSON.parse(Buffer.from(artifact.files.get('job.mjs.map') ?? []).toString()) as {
    sources: string[];
  };
  expect(map.sources).toEqual([pathToFileURL(join(directory, 'sub dir/job.ts')).href]);
});

test('a WebAssembly file that the program names by URL travels with it', async () => {
  await write('add.wasm', new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]));
  await write('job.ts', "export default new URL('./add.wasm', import.meta.url).href;");
  const artifact = await bundleJob('job.ts', directory);
  expect(artifact.manifest.files.some(({ path, bytes }) => path.endsWith('.wasm') && bytes === 8)).toBe(true);
});

test.each(["require('path').join(__dirname, 'add.wasm')", '`${__dirname}/add.wasm`'])(
  'a WebAssembly file that a CommonJS dependency finds by %s travels with it',
  async (path) => {
    await write('node_modules/adder/add.wasm', new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]));
    await write(
      'node_modules/adder/index.js',
      `module.exports = require('fs').readFileSync(${path}).length;`,
    );
    await write('job.ts', "import bytes from 'adder';\nexport default bytes;");
    await expect(defaultExport(await bundleJob('job.ts', directory))).resolves.toBe(8);
  },
);

test('TypeScript with JSX in its name may name a WebAssembly file', async () => {
  await write('add.wasm', new Uint8Array([0]));
  await write(
    'job.tsx',
    "const url: URL = new URL('./add.wasm', import.meta.url);\nexport default url.pathname;",
  );
  const artifact = await bundleJob('job.tsx', directory);
  expect(artifact.manifest.files.some(({ path }) => path.endsWith('.wasm'))).toBe(true);
});

test('a program may declare __filename, __dirname and require itself, also beside a dependency that uses them', async () => {
  await write(
    'node_modules/legacy/index.js',
    "module.exports = typeof require('os').EOL + typeof __dirname;",
  );
  const declarations = [
    "import { createRequire } from 'node:module';",
    "import { fileURLToPath } from 'node:url';",
    'const __filename = fileURLToPath(import.meta.url);',
    "const __dirname = 'mine';",
    'const require = createRequire(import.meta.url);',
  ];
  await write(
    'alone.ts',
    [...declarations, "export default __dirname + typeof require('os').EOL;"].join('\n'),
  );
  await write(
    'beside.ts',
    [
      "import legacy from 'legacy';",
      ...declarations,
      'export default __dirname + legacy + typeof __filename;',
    ].join('\n'),
  );
  await expect(defaultExport(await bundleJob('alone.ts', directory))).resolves.toBe('minestring');
  await expect(defaultExport(await bundleJob('beside.ts', directory))).resolves.toBe(
    'minestringstringstring',
  );
});

test('a file that is not there, does not compile or needs a native add-on is refused, each with its own code', async () => {
  await write('broken.ts', 'export default (');
  await write('missing.ts', "import 'no-such-package';");
  await write('native.ts', "import './addon.node';");
  await write('node_modules/natively/index.js', "module.exports = require('node-gyp-build')(__dirname);");
  await write('deep.ts', "import 'natively';");
  await write('node_modules/natively-linux/package.json', '{ "main": "natively.linux.node" }');
  await write('node_modules/natively-linux/natively.linux.node', '');
  await write('platform.ts', "import 'natively-linux';");
  await expect(bundleJob('none.ts', directory)).rejects.toMatchObject({ code: 'MR_JOB_FILE' });
  await expect(bundleJob('broken.ts', directory)).rejects.toMatchObject({
    code: 'MR_COMPILE',
    message: expect.stringContaining('broken.ts:1:'),
  });
  await expect(bundleJob('missing.ts', directory)).rejects.toMatchObject({
    code: 'MR_COMPILE',
    message: expect.stringContaining('npm install no-such-package'),
  });
  await expect(bundleJob('native.ts', directory)).rejects.toMatchObject({
    code: 'MR_NATIVE_ADDON',
    message: expect.stringContaining('addon.node'),
  });
  await expect(bundleJob('deep.ts', directory)).rejects.toMatchObject({
    code: 'MR_NATIVE_ADDON',
    message: expect.stringContaining('natively'),
  });
  await expect(bundleJob('platform.ts', directory)).rejects.toMatchObject({
    code: 'MR_NATIVE_ADDON',
    message: expect.stringContaining('natively.linux.node'),
  });
});
