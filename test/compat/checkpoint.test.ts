// Checkpoints of each version of the format, as they lie on disk, are restored by the version at hand, and each flipped bit and
// each missing byte in them is found. A new version of the format gets a directory of its own:
//   MILLRACE_WRITE_FIXTURE=checkpoint-v2 npx vitest run --project unit test/compat
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Prng } from '@millrace/common';
import { DirectoryBlobStore } from '@millrace/common/node';
import { decodeCheckpointMetadataV1, type CheckpointMetadata } from '@millrace/proto';
import { MemoryBlobStore } from '@millrace/testing';
import { afterAll, describe, expect, test } from 'vitest';
import { importCheckpoint } from '../../packages/jobmanager/src/adapter/import-checkpoint.ts';
import { Committed, everyState, START_MS, type Transaction } from './every-state.ts';
import { runLocally } from './local-run.ts';

const here = dirname(fileURLToPath(import.meta.url));
const written = process.env['MILLRACE_WRITE_FIXTURE'];
/** Of all fixtures of one version. */
const FIXTURE_BYTES_MAX = 1024 * 1024;
const FLIPS = 300;

/** Runs the job to its third checkpoint and writes what lies there, and what had been committed before it. */
async function writeFixture(name: string): Promise<void> {
  const committed = new Committed();
  const { blobs, report } = await runLocally(everyState(committed), {
    startMs: START_MS,
    isEnough: ({ checkpoints }) => checkpoints.completedCount === 3,
  });
  const { epoch = 0, checkpointId = 0 } = report.retained.at(-1) ?? {};
  const metadataName = `chk-${epoch}-${checkpointId}/_metadata`;
  const metadata = decodeCheckpointMetadataV1(await blobs.get(metadataName));
  const files = new DirectoryBlobStore(join(here, name, 'job'));
  for (const blob of [metadataName, ...stateFilesOf(metadata)]) await files.put(blob, await blobs.get(blob));
  const before = [...committed.transactions.values()].filter((each) => each.checkpointId < checkpointId);
  await writeFile(join(here, name, 'committed.json'), `${JSON.stringify(before)}\n`);
}

function stateFilesOf(metadata: CheckpointMetadata): string[] {
  const operators = metadata.vertices.flatMap(({ subtasks }) => subtasks.flatMap((each) => each.operators));
  return [...new Set(operators.flatMap(({ keyedFiles }) => keyedFiles.map(({ name }) => name)))];
}

if (written !== undefined) await writeFixture(written);

function filesBelow(directory: string): string[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .map((name) => join(directory, name))
    .filter((path) => statSync(path).isFile());
}

/** The directory of the fixture's checkpoint, the newest. */
function checkpointOf(jobDirectory: string): string {
  const names = filesBelow(jobDirectory).filter((path) => path.endsWith('_metadata'));
  return dirname(names.at(-1) ?? '');
}

const fixtures = readdirSync(here).filter((name) => name.startsWith('checkpoint-v'));

test('there is a fixture of each version of the format', () => {
  expect(fixtures).toEqual(['checkpoint-v1']);
});

describe.each(fixtures)('%s', (name) => {
  const checkpoint = checkpointOf(join(here, name, 'job'));
  const metadata = decodeCheckpointMetadataV1(readFileSync(join(checkpoint, '_metadata')));

  test('is small, and has keyed state of each operator, open splits and transactions that wait for their commit', () => {
    const bytes = filesBelow(join(here, name)).reduce((sum, path) => sum + statSync(path).size, 0);
    expect(bytes).toBeLessThan(FIXTURE_BYTES_MAX);
    const operators = metadata.vertices.flatMap(({ subtasks }) => subtasks.flatMap((each) => each.operators));
    for (const uid of ['process', 'tumbling', 'sliding', 'whole', 'reduce'])
      expect(
        operators.filter((each) => each.uid === uid && each.keyedFiles.length > 0),
        uid,
      ).not.toEqual([]);
    const inline = JSON.stringify(operators.map((each) => each.inline));
    expect(inline).toContain('"committables":[{"id"');
    expect(inline).toContain('"splits":[{');
    expect(inline).toContain('"marks":[');
    expect(inline).toContain('"rules":[');
  });

  test('is restored: the output is that of a run without a failure', async () => {
    const whole = new Committed();
    expect((await runLocally(everyState(whole), { startMs: START_MS })).status.state).toBe('FINISHED');
    const committed = new Committed();
    const before = JSON.parse(readFileSync(join(here, name, 'committed.json'), 'utf8')) as Transaction[];
    committed.add(before);
    const { status } = await runLocally(everyState(committed), {
      startMs: metadata.timestampMs,
      from: checkpoint,
    });
    expect(status.error).toBeUndefined();
    expect(status.state).toBe('FINISHED');
    expect(committed.lines.length).toBeGreaterThan(150);
    expect(committed.lines.filter((line) => line.includes('processing 300000'))).toHaveLength(7);
    expect(committed.lines).toEqual(whole.lines);
  });

  test(`${FLIPS} flips and cuts anywhere in its files are all found, and nothing damaged is restored`, async () => {
    const directory = await mkdtemp(join(tmpdir(), 'millrace-flips-'));
    afterAll(() => rm(directory, { recursive: true, force: true }));
    const job = join(directory, 'job');
    await mkdir(job);
    await cp(join(here, name, 'job'), job, { recursive: true });
    const files = filesBelow(job);
    const totalBytes = files.reduce((sum, path) => sum + statSync(path).size, 0);
    const prng = new Prng(Number(process.env['MILLRACE_SEED'] ?? 1));
    const damaged = new Map<string, number>();
    for (let flip = 0; flip < FLIPS; flip++) {
      // Each byte of the checkpoint is as likely as any other.
      let offset = prng.below(totalBytes);
      const path = files.find((each) => (offset -= statSync(each).size) < 0) ?? '';
      offset += statSync(path).size;
      const whole = await readFile(path);
      const bytes = flip % 4 === 3 ? whole.subarray(0, offset) : Uint8Array.from(whole);
      if (flip % 4 !== 3) bytes[offset] = (bytes[offset] ?? 0) ^ (1 << prng.below(8));
      await writeFile(path, bytes);
      await expect(
        importCheckpoint(checkpointOf(job), new MemoryBlobStore(), prng),
        `${path} at ${offset}`,
      ).rejects.toMatchObject({ code: 'MR_CHECKPOINT_CORRUPT' });
      damaged.set(path, (damaged.get(path) ?? 0) + 1);
      await writeFile(path, whole);
    }
    expect([...damaged.values()].reduce((sum, count) => sum + count, 0)).toBe(FLIPS);
    expect(damaged.size).toBeGreaterThan(1);
    await importCheckpoint(checkpointOf(job), new MemoryBlobStore(), prng);
  });
});
