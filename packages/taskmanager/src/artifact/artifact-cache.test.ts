import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { ArtifactFile, ArtifactManifest } from '@millrace/proto';
import { ArtifactCache } from './artifact-cache.ts';

const JOB = Buffer.from('export default 1;');
const WASM = Buffer.from([0, 97, 115, 109]);
let root: string;
let fetched: string[];

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'artifact-cache-'));
  fetched = [];
});
afterEach(() => rm(root, { recursive: true }));

function entry(path: string, bytes: Buffer): ArtifactFile {
  return { path, sha256: createHash('sha256').update(bytes).digest('hex'), bytes: bytes.byteLength };
}

const manifest: ArtifactManifest = {
  version: 1,
  entry: 'job.mjs',
  files: [entry('assets/x.wasm', WASM), entry('job.mjs', JOB)],
};

function cacheOf(contents: ReadonlyMap<string, Buffer>): ArtifactCache {
  return new ArtifactCache(root, ({ path }) => {
    fetched.push(path);
    return Promise.resolve(contents.get(path) ?? Buffer.alloc(0));
  });
}

const whole = new Map([
  ['assets/x.wasm', WASM],
  ['job.mjs', JOB],
]);

test('ArtifactCache fetches each file once, also when two slots ask at the same time', async () => {
  const cache = cacheOf(whole);
  const [first, second] = await Promise.all([cache.directoryOf(manifest), cache.directoryOf(manifest)]);
  const third = await cache.directoryOf(manifest);

  expect(second).toBe(first);
  expect(third).toBe(first);
  expect(fetched).toEqual(['assets/x.wasm', 'job.mjs']);
  expect(await readFile(join(first, 'job.mjs'))).toEqual(JOB);
  expect(await readFile(join(first, 'assets/x.wasm'))).toEqual(WASM);
});

test('ArtifactCache refuses bytes that are not what the manifest says, and keeps nothing of them', async () => {
  const damaged = cacheOf(new Map([...whole, ['job.mjs', Buffer.from('export default 2;')]]));
  await expect(damaged.directoryOf(manifest)).rejects.toMatchObject({
    code: 'MR_ARTIFACT_CORRUPT',
    details: { path: 'job.mjs' },
  });
  expect(await cacheOf(whole).directoryOf(manifest)).toContain(root);
});

test('ArtifactCache fetches a file again that changed on disk', async () => {
  const cache = cacheOf(whole);
  const directory = await cache.directoryOf(manifest);
  await writeFile(join(directory, 'job.mjs'), 'export default 3;');

  expect(await readFile(join(await cache.directoryOf(manifest), 'job.mjs'))).toEqual(JOB);
});

test('ArtifactCache refuses a manifest that names a path outside itself', async () => {
  const outside: ArtifactManifest = { ...manifest, files: [entry('../job.mjs', JOB)] };
  expect(() => cacheOf(whole).directoryOf(outside)).toThrow('outside itself');
});
