import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { DirectoryBlobStore } from './directory-blob-store.ts';

const directory = await mkdtemp(join(tmpdir(), 'millrace-blobs-'));
afterAll(() => rm(directory, { recursive: true, force: true }));
const bytes = new TextEncoder().encode('hello');

test('DirectoryBlobStore gives back what was put, and lists names below a prefix in order', async () => {
  const store = new DirectoryBlobStore(join(directory, 'a'));
  await store.put('chk-1-2/b', bytes);
  await store.put('chk-1-2/a', bytes);
  await store.put('chk-1-20/c', bytes);
  expect(await store.get('chk-1-2/b')).toEqual(bytes);
  expect(await store.list('chk-1-2/')).toEqual(['chk-1-2/a', 'chk-1-2/b']);
  expect(await store.list('chk-1-2')).toEqual(['chk-1-2/a', 'chk-1-2/b', 'chk-1-20/c']);
  expect(await store.list('')).toHaveLength(3);
  expect(await store.has('chk-1-2')).toBe(false);
});

test('DirectoryBlobStore reads parts of an open blob, also behind its deletion', async () => {
  const store = new DirectoryBlobStore(join(directory, 'parts'));
  await store.put('x', bytes);
  const reader = await store.open('x');
  await store.delete('x');
  const part = new Uint8Array(3);
  expect([reader.byteLength, reader.readSync(part, 1), new TextDecoder().decode(part)]).toEqual([
    5,
    3,
    'ell',
  ]);
  expect([await reader.read(part, 3), new TextDecoder().decode(part.subarray(0, 2))]).toEqual([2, 'lo']);
  await reader.close();
  await expect(store.open('x')).rejects.toMatchObject({ code: 'MR_IO', details: { code: 'ENOENT' } });
});

test('DirectoryBlobStore refuses a name that exists and leaves no temporary file', async () => {
  const root = join(directory, 'b');
  const store = new DirectoryBlobStore(root);
  await store.put('x', bytes);
  await expect(store.put('x', new Uint8Array(1))).rejects.toMatchObject({
    code: 'MR_IO',
    details: { code: 'EEXIST' },
  });
  expect(await store.get('x')).toEqual(bytes);
  expect(await readdir(root)).toEqual(['x']);
});

test('DirectoryBlobStore deletes, removes what is empty then, and can write there again', async () => {
  const root = join(directory, 'c');
  const store = new DirectoryBlobStore(root);
  await store.put('d/e/x', bytes);
  await store.delete('d/e/x');
  await store.delete('d/e/x');
  expect(await readdir(root)).toEqual([]);
  await store.put('d/e/x', bytes);
  expect(await store.has('d/e/x')).toBe(true);
});

test('DirectoryBlobStore takes many at once into directories that are not there yet, beside deletions of others', async () => {
  const root = join(directory, 'g', 'deep');
  const store = new DirectoryBlobStore(root);
  const other = new DirectoryBlobStore(root);
  const names = Array.from({ length: 40 }, (_, index) => `d/${index % 4}/e/${index}`);
  await Promise.all(names.map((name, index) => (index % 2 === 0 ? store : other).put(name, bytes)));
  expect(await store.list('')).toEqual(names.toSorted());
  for (const name of names) await other.delete(name);
  expect(await readdir(root)).toEqual([]);
  await Promise.all(names.map((name) => store.put(name, bytes)));
  expect(await other.list('')).toEqual(names.toSorted());
});

test('DirectoryBlobStore refuses names that leave its directory', async () => {
  const store = new DirectoryBlobStore(join(directory, 'd'));
  for (const name of ['../x', '/x', 'a/../../x', '', 'a//b', 'a\\b', 'a\0b', './a']) {
    await expect(store.put(name, bytes)).rejects.toMatchObject({ code: 'MR_IO' });
  }
});

test('DirectoryBlobStore says what is missing', async () => {
  const store = new DirectoryBlobStore(join(directory, 'e'));
  await expect(store.get('nothing')).rejects.toMatchObject({ code: 'MR_IO', details: { code: 'ENOENT' } });
  expect(await store.list('nothing/')).toEqual([]);
});

test('DirectoryBlobStore does not list temporary files', async () => {
  const root = join(directory, 'f');
  const store = new DirectoryBlobStore(root);
  await store.put('x', bytes);
  await writeFile(join(root, '.tmp-0123'), 'torn');
  expect(await store.list('')).toEqual(['x']);
});
