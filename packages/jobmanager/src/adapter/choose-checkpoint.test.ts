import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { chooseCheckpoint, othersBeside } from './choose-checkpoint.ts';

const directory = await mkdtemp(join(tmpdir(), 'millrace-choose-'));
afterAll(() => rm(directory, { recursive: true, force: true }));

for (const name of ['chk-1-9', 'chk-1-10', 'chk-2-103', 'chk-2-104', 'restored', 'chk-x']) {
  await mkdir(join(directory, name));
  if (name !== 'chk-2-104') await writeFile(join(directory, name, '_metadata'), 'x');
}

test('a checkpoint is chosen by its id, whatever its epoch', async () => {
  expect(await chooseCheckpoint(directory, 10)).toBe(join(directory, 'chk-1-10'));
  expect(await chooseCheckpoint(directory, 103)).toBe(join(directory, 'chk-2-103'));
});

test('a checkpoint that is not there, or has no metadata, is an error that names the others, the newest first', async () => {
  await expect(chooseCheckpoint(directory, 104)).rejects.toMatchObject({
    code: 'MR_SAVEPOINT_NOT_FOUND',
    message: `Cannot start from checkpoint 104 in "${directory}": there are 103, 10, 9`,
  });
  await expect(chooseCheckpoint(join(directory, 'restored'), 1)).rejects.toMatchObject({
    code: 'MR_SAVEPOINT_NOT_FOUND',
    message: expect.stringContaining('there are none') as unknown,
  });
});

test('beside a damaged checkpoint the others are named, with the command that takes one', async () => {
  expect(await othersBeside('chk-2-103', directory)).toContain(
    `there are 10, 9, but output that was committed since would be written again: millrace run -s ${directory} --from-checkpoint 10 <job.ts>`,
  );
  expect(await othersBeside('savepoint-1', join(directory, 'restored'))).toBe('');
});
