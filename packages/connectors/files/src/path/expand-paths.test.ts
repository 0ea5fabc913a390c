import { mkdir, writeFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { connectorContext } from '../fixture/read-source.ts';
import { temporaryDirectory } from '../fixture/temporary-directory.ts';
import { expandPaths, type PathOption } from './expand-paths.ts';
import { globMatcher } from './glob.ts';

const NAMES = [
  'b.jsonl',
  'a.jsonl',
  '.hidden.jsonl',
  '_SUCCESS',
  'deep/c.jsonl',
  'deep/er/d.jsonl',
  'odd [name] ü.jsonl',
  'data.csv',
];

async function expanded(path: PathOption): Promise<string[]> {
  const directory = await temporaryDirectory();
  await mkdir(`${directory.path}/deep/er`, { recursive: true });
  await mkdir(`${directory.path}/empty`);
  for (const name of NAMES) await writeFile(`${directory.path}/${name}`, name);
  const files = await expandPaths(path, connectorContext(directory.path));
  return files.map((file) => file.path.slice(directory.path.length + 1));
}

test('expandPaths resolves a file against the base directory', async () => {
  expect(await expanded('a.jsonl')).toEqual(['a.jsonl']);
});

test('expandPaths takes the visible files of a directory in the order of their names, not those of its subdirectories', async () => {
  expect(await expanded('.')).toEqual(['a.jsonl', 'b.jsonl', 'data.csv', 'odd [name] ü.jsonl']);
});

test('expandPaths matches globs across directories', async () => {
  expect(await expanded('**/*.jsonl')).toEqual([
    'a.jsonl',
    'b.jsonl',
    'deep/c.jsonl',
    'deep/er/d.jsonl',
    'odd [name] ü.jsonl',
  ]);
  expect(await expanded('{a,b}.jsonl')).toEqual(['a.jsonl', 'b.jsonl']);
  expect(await expanded('[a-c].*')).toEqual(['a.jsonl', 'b.jsonl']);
});

test('expandPaths takes a name for what it says where a file has that name, whatever characters are in it', async () => {
  expect(await expanded('odd [name] ü.jsonl')).toEqual(['odd [name] ü.jsonl']);
});

test('expandPaths names each file once', async () => {
  expect(await expanded(['b.jsonl', '*.jsonl', 'b.jsonl'])).toEqual([
    'b.jsonl',
    'a.jsonl',
    'odd [name] ü.jsonl',
  ]);
});

test.each(['nothing.jsonl', 'nothing/*.jsonl', '*.parquet', 'empty'])(
  'expandPaths refuses %s, where nothing is, with the path that it tried',
  async (path) => {
    const directory = await temporaryDirectory();
    await mkdir(`${directory.path}/empty`);
    await expect(expandPaths(path, connectorContext(directory.path))).rejects.toMatchObject({
      code: 'MR_SOURCE_NOT_FOUND',
      message: expect.stringContaining(`${directory.path}/${path}`) as string,
    });
  },
);

test('globMatcher keeps * within a part and off hidden names', () => {
  expect(globMatcher('/d/*.csv')('/d/e/x.csv')).toBe(false);
  expect(globMatcher('/d/*')('/d/.hidden')).toBe(false);
  expect(globMatcher('/d/**')('/d/e/f')).toBe(true);
  expect(globMatcher('/d/[!a]?')('/d/bc')).toBe(true);
  expect(globMatcher('/d/[!a]?')('/d/ac')).toBe(false);
  expect(globMatcher('/d/a.b')('/d/axb')).toBe(false);
});
