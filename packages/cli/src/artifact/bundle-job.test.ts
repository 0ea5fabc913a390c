import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { bundleJob } from './bundle-job.ts';

let directory = '';
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'millrace-bundle-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

async function write(path: string, text: string | Uint8Array): Promise<void> {
  await mkdir(dirname(join(directory, path)), { recursive: true });
  await writeFile(join(directory, path), text);
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

test('a file that is not there, does not compile or needs a native add-on is refused, each with its own code', async () => {
  await write('broken.ts', 'export default (');
  await write('missing.ts', "import 'no-such-package';");
  await write('native.ts', "import './addon.node';");
  await write('node_modules/natively/index.js', "module.exports = require('node-gyp-build')(__dirname);");
  await write('deep.ts', "import 'natively';");
  await expect(bundleJob('none.ts', directory)).rejects.toMatchObject({ code: 'MR_JOB_FILE' });
  await expect(bundleJob('broken.ts', directory)).rejects.toMatchObject({
    code: 'MR_COMPILE',
    message: expect.stringContaining('broken.ts:1:'),
  });
  await expect(bundleJob('missing.ts', directory)).rejects.toMatchObject({
    code: 'MR_COMPILE',
    message: expect.stringContaining('no-such-package'),
  });
  await expect(bundleJob('native.ts', directory)).rejects.toMatchObject({
    code: 'MR_NATIVE_ADDON',
    message: expect.stringContaining('addon.node'),
  });
  await expect(bundleJob('deep.ts', directory)).rejects.toMatchObject({
    code: 'MR_NATIVE_ADDON',
    message: expect.stringContaining('natively'),
  });
});
