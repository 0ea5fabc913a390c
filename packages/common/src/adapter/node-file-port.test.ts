import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { nodeFilePort } from './node-file-port.ts';

let directory = '';
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'millrace-files-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

async function write(path: string, text: string): Promise<void> {
  const file = nodeFilePort.create(path);
  file.append(Buffer.from(text));
  await file.syncAndClose();
}

test('what is appended is in the file, in order, and what the caller does to its bytes afterwards is not', async () => {
  const path = join(directory, 'a');
  const file = nodeFilePort.create(path);
  const bytes = Uint8Array.from([1, 2, 3]);
  file.append(bytes);
  bytes.fill(9);
  file.append(Uint8Array.from([4]));
  file.append(new Uint8Array(0));
  await file.syncAndClose();
  expect([...(await readFile(path))]).toEqual([1, 2, 3, 4]);
});

test('a file that is there is not created again', async () => {
  const path = join(directory, 'a');
  await write(path, 'first');
  expect(() => nodeFilePort.create(path)).toThrow(expect.objectContaining({ code: 'EEXIST' }) as Error);
  expect(Buffer.from(await nodeFilePort.readFile(path)).toString()).toBe('first');
});

test('abandoning closes once, also after a sync', async () => {
  const file = nodeFilePort.create(join(directory, 'a'));
  file.append(Uint8Array.from([1]));
  await file.abandon();
  await file.abandon();
  const other = nodeFilePort.create(join(directory, 'b'));
  await other.syncAndClose();
  await other.abandon();
  expect(await nodeFilePort.list(directory)).toEqual(['a', 'b']);
});

test('reads give a part, fewer bytes at the end, none behind it, in memory of their own', async () => {
  const path = join(directory, 'a');
  await write(path, '0123456789');
  const text = async (offset: number, length: number) =>
    Buffer.from(await nodeFilePort.read(path, offset, length)).toString();
  expect(await Promise.all([text(2, 3), text(8, 5), text(10, 4), text(50, 1)])).toEqual([
    '234',
    '89',
    '',
    '',
  ]);
  expect((await nodeFilePort.read(path, 8, 5)).buffer.byteLength).toBe(2);
});

test('reads into memory that is given, and touches nothing of it behind what was read', async () => {
  const path = join(directory, 'a');
  await write(path, '0123456789');
  const memory = Buffer.from('________');
  const whole = await nodeFilePort.read(path, 2, 3, memory.subarray(1));
  const part = await nodeFilePort.read(path, 8, 3, memory.subarray(5));
  expect([Buffer.from(whole).toString(), Buffer.from(part).toString()]).toEqual(['234', '89']);
  expect(whole.buffer).toBe(memory.buffer);
  expect(memory.toString()).toBe('_234_89_');
});

test('a link fails when its target is there, and both names are one file', async () => {
  const from = join(directory, 'from');
  const to = join(directory, 'to');
  await write(from, 'x');
  await nodeFilePort.link(from, to);
  await expect(nodeFilePort.link(from, to)).rejects.toMatchObject({ code: 'EEXIST' });
  await nodeFilePort.unlink(from);
  await expect(nodeFilePort.unlink(from)).rejects.toMatchObject({ code: 'ENOENT' });
  expect(Buffer.from(await nodeFilePort.readFile(to)).toString()).toBe('x');
});

test('stat tells files, directories and nothing apart', async () => {
  await write(join(directory, 'a'), 'abc');
  expect(await nodeFilePort.stat(join(directory, 'a'))).toEqual({ bytes: 3, isDirectory: false });
  expect(await nodeFilePort.stat(directory)).toMatchObject({ isDirectory: true });
  expect(await nodeFilePort.stat(join(directory, 'none'))).toBeUndefined();
  expect(await nodeFilePort.stat(join(directory, 'a', 'below'))).toBeUndefined();
});

test('directories are made with their parents, listed sorted, renamed, synced and removed with all in them', async () => {
  const deep = join(directory, 'x', 'y');
  await nodeFilePort.makeDirectory(deep);
  await nodeFilePort.makeDirectory(deep);
  for (const name of ['b', 'a', 'c']) await write(join(deep, name), name);
  await nodeFilePort.syncDirectory(deep);
  expect(await nodeFilePort.list(deep)).toEqual(['a', 'b', 'c']);
  await nodeFilePort.rename(join(deep, 'c'), join(deep, 'a'));
  expect(Buffer.from(await nodeFilePort.readFile(join(deep, 'a'))).toString()).toBe('c');
  await nodeFilePort.remove(join(directory, 'x'));
  await nodeFilePort.remove(join(directory, 'x'));
  expect(await nodeFilePort.stat(deep)).toBeUndefined();
  await expect(nodeFilePort.list(deep)).rejects.toMatchObject({ code: 'ENOENT' });
});

test('directories are made with all above them; what cannot be made is told with its path and the reason, at once', async () => {
  await nodeFilePort.makeDirectory(join(directory, 'x/y/z'));
  await nodeFilePort.makeDirectory(join(directory, 'x/y/z'));
  expect(await nodeFilePort.list(join(directory, 'x/y'))).toEqual(['z']);
  await write(join(directory, 'file'), '');
  const below = join(directory, 'file/below/it');
  await expect(nodeFilePort.makeDirectory(below)).rejects.toMatchObject({
    code: 'MR_IO',
    message: `Cannot make the directory "${below}": a part of its path is a file`,
    details: { systemCode: 'ENOTDIR' },
  });
  expect(() => nodeFilePort.create(join(directory, 'none/a'))).toThrow(
    expect.objectContaining({ code: 'MR_IO' }) as Error,
  );
});

test.runIf(process.platform === 'linux')(
  'a file system that makes no directories is told too, and does not hang',
  async () => {
    await expect(nodeFilePort.makeDirectory('/proc/none/below')).rejects.toMatchObject({ code: 'MR_IO' });
  },
);
