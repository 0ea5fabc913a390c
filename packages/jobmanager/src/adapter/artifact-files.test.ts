import { createHash } from 'node:crypto';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ArtifactFiles, checkArtifactSize } from './artifact-files.ts';

const bytes = Uint8Array.from({ length: 1_000 }, (_, index) => index % 251);
const file = {
  path: 'job.mjs',
  sha256: createHash('sha256').update(bytes).digest('hex'),
  bytes: bytes.byteLength,
};
let directory = '';

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'millrace-artifacts-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

async function store(artifacts: ArtifactFiles): Promise<void> {
  const upload = await artifacts.upload(file);
  await upload.append(0, bytes.subarray(0, 400));
  await upload.append(400, bytes.subarray(400));
  await upload.complete();
  await artifacts.sync();
}

test('a file has its name when it is complete, and is read as it was written', async () => {
  const artifacts = await ArtifactFiles.open(directory);
  const upload = await artifacts.upload(file);
  await upload.append(0, bytes);
  expect(await artifacts.has(file.sha256)).toBe(false);
  await upload.complete();
  expect(await artifacts.has(file.sha256)).toBe(true);
  const chunks: Uint8Array[] = [];
  for await (const chunk of artifacts.read(file.sha256)) chunks.push(chunk);
  expect(Buffer.concat(chunks).equals(bytes)).toBe(true);
  expect(await readdir(directory)).toEqual([file.sha256]);
});

test('the same file twice is stored once', async () => {
  const artifacts = await ArtifactFiles.open(directory);
  await store(artifacts);
  await store(artifacts);
  expect(await readdir(directory)).toEqual([file.sha256]);
});

test('bytes that hash to something else, parts out of order and too many bytes are refused and leave nothing', async () => {
  const artifacts = await ArtifactFiles.open(directory);
  const corrupt = { code: 'MR_ARTIFACT_CORRUPT' };
  const wrong = await artifacts.upload(file);
  await wrong.append(0, new Uint8Array(1_000));
  await expect(wrong.complete()).rejects.toMatchObject(corrupt);
  await wrong.abandon();
  const short = await artifacts.upload(file);
  await short.append(0, bytes.subarray(0, 999));
  await expect(short.complete()).rejects.toMatchObject(corrupt);
  await short.abandon();
  const gap = await artifacts.upload(file);
  await expect(gap.append(1, bytes.subarray(1))).rejects.toMatchObject(corrupt);
  await gap.abandon();
  const long = await artifacts.upload(file);
  await expect(long.append(0, new Uint8Array(1_001))).rejects.toMatchObject(corrupt);
  await long.abandon();
  expect(await readdir(directory)).toEqual([]);
});

test('what a crash left half-written is removed at the next start, whole files stay', async () => {
  await store(await ArtifactFiles.open(directory));
  await writeFile(join(directory, '.tmp-0123456789abcdef'), bytes.subarray(0, 10));
  const artifacts = await ArtifactFiles.open(directory);
  expect(await readdir(directory)).toEqual([file.sha256]);
  await artifacts.retain(new Set());
  expect(await readdir(directory)).toEqual([]);
});

test('a file that is not there and a name that is no hash give their errors', async () => {
  const artifacts = await ArtifactFiles.open(directory);
  await expect(artifacts.read('0'.repeat(64)).next()).rejects.toMatchObject({ code: 'MR_ARTIFACT_CORRUPT' });
  await expect(artifacts.read('../store/CURRENT').next()).rejects.toMatchObject({ code: 'MR_PROTOCOL' });
});

test('an artifact with too many bytes or files is refused with what to do instead', () => {
  const manifest = { version: 1 as const, entry: 'job.mjs' };
  expect(() => checkArtifactSize({ ...manifest, files: [{ ...file, bytes: 67_108_864 }] })).not.toThrow();
  expect(() => checkArtifactSize({ ...manifest, files: [{ ...file, bytes: 67_108_865 }] })).toThrow(
    /1 files with 67108865 bytes, and at most 1000 files with 67108864 bytes are taken. Read large tables from a path/,
  );
  expect(() => checkArtifactSize({ ...manifest, files: Array.from({ length: 1_001 }, () => file) })).toThrow(
    '1001 files',
  );
});
