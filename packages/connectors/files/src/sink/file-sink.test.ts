import { mkdir, readdir, readFile, rm, unlink, writeFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import type { Json, Sink, SinkContext } from '@millrace/api';
import { csv } from '../csv/csv.ts';
import { crashingPort, isCrash } from '../fixture/crashing-port.ts';
import { connectorContext, readAll } from '../fixture/read-source.ts';
import { temporaryDirectory } from '../fixture/temporary-directory.ts';
import { jsonLines, type JsonLinesOptions } from '../json-lines/json-lines.ts';

interface Row {
  id: number;
  text?: string;
}

/** This sink keeps no lists. */
const operatorState: SinkContext['operatorState'] = {
  list: (name) => expect.fail(`the list ${name} was asked for`),
  unionList: (name) => expect.fail(`the list ${name} was asked for`),
};

function sinkContext(directory: string, changes: Partial<SinkContext> = {}): SinkContext {
  const own = { runId: 'run-7', operatorUid: 'out', attemptNumber: 0, operatorState };
  return { ...connectorContext(directory), ...own, ...changes };
}

function sinkOf(options: Partial<JsonLinesOptions<Row>> = {}): Sink<Row> {
  return jsonLines<Row>({ path: 'out', ...options });
}

async function commit(sink: Sink<Row>, context: SinkContext, committables: readonly Json[]): Promise<void> {
  const committer = await sink.openCommitter?.(context);
  await committer?.commit(committables);
}

async function written(directory: string): Promise<number[]> {
  const rows = await readAll(jsonLines<Row>({ path: 'out' }), connectorContext(directory)).catch(() => []);
  return rows.map((row) => row.id).sort((a, b) => a - b);
}

async function visible(directory: string): Promise<string[]> {
  return (await readdir(`${directory}/out`)).filter((name) => !name.startsWith('.'));
}

/** The ten rows of the test in two checkpoints, and what a JobManager remembers durably meanwhile. */
interface Progress {
  acknowledged: readonly Json[];
  checkpointId: number;
}

async function runAttempt(sink: Sink<Row>, context: SinkContext, progress: Progress): Promise<void> {
  await commit(sink, context, progress.acknowledged);
  const writer = await sink.openWriter(context, progress.acknowledged);
  while (progress.checkpointId < 3) {
    const first = progress.checkpointId * 4;
    for (let id = first; id < first + 4; id++) writer.write({ id, text: 'x'.repeat(40) }, 0);
    const committables = await writer.prepareCommit(progress.checkpointId + 1);
    // The checkpoint is complete: the JobManager's pointer is written, whatever happens to this process.
    progress.checkpointId += 1;
    progress.acknowledged = committables;
    await commit(sink, context, committables);
  }
  await writer.close();
}

test('A file sink recovered after a crash at any step has each row exactly once, and never a file that is not whole', async () => {
  let crashCount = 0;
  for (let step = 0; ; step++) {
    const directory = await temporaryDirectory();
    const sink = sinkOf({ maxFileBytes: 100 });
    await sink.prepare?.(sinkContext(directory.path));
    const progress: Progress = { acknowledged: [], checkpointId: 0 };
    let hasCrashed = false;
    await runAttempt(sink, sinkContext(directory.path, { files: crashingPort(step) }), progress).catch(
      (error: unknown) => {
        if (!isCrash(error)) throw error;
        hasCrashed = true;
      },
    );
    for (const name of await visible(directory.path))
      expect(await readFile(`${directory.path}/out/${name}`, 'utf8')).toMatch(/^(\{.*\}\n)+$/u);
    if (hasCrashed)
      await runAttempt(
        sink,
        sinkContext(directory.path, { files: crashingPort(), attemptNumber: 1 }),
        progress,
      );
    expect(await written(directory.path)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
    expect((await readdir(`${directory.path}/out`)).filter((name) => name.startsWith('.'))).toEqual([]);
    if (!hasCrashed) break;
    crashCount++;
  }
  expect(crashCount).toBeGreaterThan(20);
});

test.each([{}, { partitionBy: ['id'] }])(
  'A writer that is closed while its files are sealed leaves nothing that the next attempt does not find: %o',
  async (options) => {
    const directory = await temporaryDirectory();
    const sink = sinkOf(options);
    const { files } = sinkContext(directory.path);
    let letRename: () => void = () => undefined;
    const mayRename = new Promise<void>((resolve) => (letRename = resolve));
    const slow: typeof files = {
      ...files,
      rename: async (from, to) => {
        await mayRename;
        await files.rename(from, to);
      },
    };
    const writer = await sink.openWriter(sinkContext(directory.path, { files: slow, attemptNumber: 1 }), []);
    writer.write({ id: 1, text: 'a' }, 0);
    const sealed = writer.prepareCommit(1);
    let isClosed = false;
    const closed = Promise.resolve(writer.close()).then(() => (isClosed = true));
    // A look at the disk takes longer than what does not wait for anything.
    await readdir(`${directory.path}/out`);
    expect(isClosed).toBe(false);
    letRename();
    await Promise.all([sealed, closed]);
    const next = await sink.openWriter(sinkContext(directory.path, { attemptNumber: 2 }), []);
    const left = await readdir(`${directory.path}/out`, { recursive: true });
    expect(left.filter((name) => name.endsWith('.jsonl'))).toEqual([]);
    await next.close();
  },
);

test('A file sink shows nothing before the commit, and seals what was written at the moment of the barrier', async () => {
  const directory = await temporaryDirectory();
  const context = sinkContext(directory.path);
  const sink = sinkOf();
  const writer = await sink.openWriter(context, []);
  writer.write({ id: 1 }, 0);
  const sealing = writer.prepareCommit(5);
  writer.write({ id: 2 }, 0);
  const committables = await sealing;
  expect(await visible(directory.path)).toEqual([]);
  expect(committables).toEqual(
    [
      {
        directory: `${directory.path}/out`,
        pendingName: '.part-run~2d~7-82d11c8b-0-0-5-0.jsonl',
        bytes: 9,
        crc32: 1_107_222_178,
      },
    ].map((one) => ({
      ...one,
      pendingName: expect.stringMatching(/^\.part-run~2d~7-[0-9a-f]{8}-0-0-5-0\.jsonl$/u) as string,
      crc32: expect.any(Number) as number,
    })),
  );
  await commit(sink, context, committables);
  await commit(sink, context, committables);
  expect(await written(directory.path)).toEqual([1]);
  expect(await writer.prepareCommit(6)).toHaveLength(1);
  expect(await writer.prepareCommit(7)).toEqual([]);
});

test('A file sink refuses to overwrite another file of the same name', async () => {
  const directory = await temporaryDirectory();
  const context = sinkContext(directory.path);
  const sink = sinkOf();
  const writer = await sink.openWriter(context, []);
  writer.write({ id: 1 }, 0);
  const [committable] = (await writer.prepareCommit(1)) as { pendingName: string }[];
  if (committable === undefined) throw new Error('nothing to commit');
  await writeFile(`${directory.path}/out/${committable.pendingName.slice(1)}`, '{"id":2}\n');
  await expect(commit(sink, context, [committable])).rejects.toMatchObject({ code: 'MR_SINK_COLLISION' });
  expect(await written(directory.path)).toEqual([2]);
});

test('A file sink fails the commit of a file that is nowhere to be found', async () => {
  const directory = await temporaryDirectory();
  const context = sinkContext(directory.path);
  const sink = sinkOf();
  const writer = await sink.openWriter(context, []);
  writer.write({ id: 1 }, 0);
  const committables = await writer.prepareCommit(1);
  await unlink(`${directory.path}/out/${(committables[0] as { pendingName: string }).pendingName}`);
  await expect(commit(sink, context, committables)).rejects.toMatchObject({ code: 'MR_SINK_COMMIT' });
});

test('A file sink removes pending files of older attempts of its own run and share only', async () => {
  const directory = await temporaryDirectory();
  const pendingOf = async (changes: Partial<SinkContext>): Promise<readonly Json[]> => {
    const writer = await sinkOf().openWriter(sinkContext(directory.path, changes), []);
    writer.write({ id: 1 }, 0);
    return await writer.prepareCommit(1);
  };
  const kept = await pendingOf({});
  const others = [
    await pendingOf({ subtaskIndex: 1, parallelism: 2 }),
    await pendingOf({ runId: 'other' }),
    await pendingOf({ operatorUid: 'other' }),
  ];
  const open = await sinkOf().openWriter(
    sinkContext(directory.path, { attemptNumber: 1, parallelism: 2 }),
    kept,
  );
  open.write({ id: 9, text: 'x'.repeat(300_000) }, 0);
  await sinkOf().openWriter(sinkContext(directory.path, { attemptNumber: 2, parallelism: 2 }), kept);
  const names = [kept, ...others].map(
    (committables) => (committables[0] as { pendingName: string }).pendingName,
  );
  expect((await readdir(`${directory.path}/out`)).sort()).toEqual(names.sort());
});

test('ifExists fail refuses a directory with files in it and names them', async () => {
  const directory = await temporaryDirectory();
  await mkdir(`${directory.path}/out/sub`, { recursive: true });
  await writeFile(`${directory.path}/out/.hidden`, '');
  await sinkOf().prepare?.(sinkContext(directory.path));
  await writeFile(`${directory.path}/out/report.txt`, '');
  await expect(sinkOf().prepare?.(sinkContext(directory.path))).rejects.toMatchObject({
    code: 'MR_SINK_EXISTS',
    message: expect.stringContaining('"report.txt"') as string,
  });
  await sinkOf({ ifExists: 'append' }).prepare?.(sinkContext(directory.path));
});

test('a directory that cannot be made fails the job for good, and the message says what to do', async () => {
  const directory = await temporaryDirectory();
  await writeFile(`${directory.path}/out`, '');
  await expect(sinkOf({ path: 'out/below' }).prepare?.(sinkContext(directory.path))).rejects.toMatchObject({
    code: 'MR_IO',
    retry: 'never',
    message: expect.stringContaining('name a directory that you may write') as string,
  });
});

test('ifExists replace removes what file sinks wrote, pending files too, and refuses to remove anything else', async () => {
  const directory = await temporaryDirectory();
  const replace = sinkOf({ ifExists: 'replace' });
  const context = sinkContext(directory.path);
  const writer = await replace.openWriter(context, []);
  writer.write({ id: 1 }, 0);
  await commit(replace, context, await writer.prepareCommit(1));
  writer.write({ id: 2 }, 0);
  await writer.prepareCommit(2);
  await writeFile(`${directory.path}/out/index.ts`, 'precious');
  await writeFile(`${directory.path}/out/.gitignore`, '*');
  const next = sinkContext(directory.path, { runId: 'run-8' });
  await expect(replace.prepare?.(next)).rejects.toMatchObject({
    code: 'MR_SINK_EXISTS',
    message: expect.stringContaining('"index.ts"') as string,
  });
  expect(await readdir(`${directory.path}/out`)).toHaveLength(4);
  await rm(`${directory.path}/out/index.ts`);
  await replace.prepare?.(next);
  expect(await readdir(`${directory.path}/out`)).toEqual(['.gitignore']);
  await replace.prepare?.(next);
});

test.each(['fail', 'append', 'replace'] as const)(
  'a submission from a checkpoint keeps committed and pending output under ifExists %s, and goes on with it',
  async (ifExists) => {
    const directory = await temporaryDirectory();
    const sink = sinkOf({ ifExists });
    const context = sinkContext(directory.path);
    const writer = await sink.openWriter(context, []);
    writer.write({ id: 1 }, 0);
    await commit(sink, context, await writer.prepareCommit(1));
    writer.write({ id: 2 }, 0);
    // Named by the checkpoint; the job was cancelled before it was committed.
    const pending = await writer.prepareCommit(2);
    await writeFile(`${directory.path}/out/notes.txt`, 'mine');
    const restored = sinkContext(directory.path, { runId: 'run-8' });
    await sink.prepare?.({ ...restored, isRestored: true });
    await commit(sink, restored, pending);
    const next = await sink.openWriter(restored, pending);
    next.write({ id: 3 }, 0);
    await commit(sink, restored, await next.prepareCommit(3));
    await rm(`${directory.path}/out/notes.txt`);
    expect(await written(directory.path)).toEqual([1, 2, 3]);
  },
);

test('ifExists replace leaves its own run alone when a process that was paused in it goes on after the job began', async () => {
  const directory = await temporaryDirectory();
  const replace = sinkOf({ ifExists: 'replace' });
  const context = sinkContext(directory.path);
  await replace.prepare?.(context);
  const writer = await replace.openWriter(context, []);
  writer.write({ id: 1 }, 0);
  await commit(replace, context, await writer.prepareCommit(1));
  writer.write({ id: 2 }, 0);
  const pending = await writer.prepareCommit(2);
  await replace.prepare?.(context);
  await commit(replace, context, pending);
  expect(await written(directory.path)).toEqual([1, 2]);
});

test('A sink needs one directory, and no file in its place', async () => {
  const directory = await temporaryDirectory();
  await writeFile(`${directory.path}/out`, '');
  await expect(sinkOf({ ifExists: 'replace' }).prepare?.(sinkContext(directory.path))).rejects.toMatchObject({
    code: 'MR_SINK_EXISTS',
  });
  await expect(sinkOf({ path: ['a', 'b'] }).prepare?.(sinkContext(directory.path))).rejects.toMatchObject({
    code: 'MR_OPTION_INVALID',
  });
});

test('A CSV sink begins each file with the header, and reads back what it wrote', async () => {
  const directory = await temporaryDirectory();
  const context = sinkContext(directory.path);
  const sink = csv<{ name: string; count: number | null }>({
    path: 'out',
    maxFileBytes: 1,
    types: { count: 'number' },
  });
  const rows = [
    { name: 'a, "b"\nc', count: 1 },
    { name: '', count: null },
    { name: 'ü', count: -0.5 },
  ];
  const writer = await sink.openWriter(context, []);
  for (const row of rows) {
    writer.write(row, 0);
    await (await sink.openCommitter?.(context))?.commit(await writer.prepareCommit(row.name.length));
  }
  expect(await visible(directory.path)).toHaveLength(3);
  expect(await readAll(sink, connectorContext(directory.path))).toEqual(expect.arrayContaining(rows));
  expect(() => writer.write({ name: 'x', count: 1, more: 2 } as never, 0)).toThrow(
    'its field "more" is none of the columns',
  );
});

test('A record that JSON cannot say is refused with the reason', async () => {
  const directory = await temporaryDirectory();
  const writer = await sinkOf().openWriter(sinkContext(directory.path), []);
  for (const record of [undefined, { id: 1n }, () => 1]) {
    expect(() => writer.write(record as never, 0)).toThrow(
      expect.objectContaining({ code: 'MR_UNSUPPORTED_VALUE' }) as Error,
    );
  }
});

test('A record larger than the buffer is written whole', async () => {
  const directory = await temporaryDirectory();
  const context = sinkContext(directory.path);
  const writer = await sinkOf().openWriter(context, []);
  for (const id of [1, 2, 3]) writer.write({ id, text: 'ü'.repeat(id === 2 ? 400_000 : 1) }, 0);
  await commit(sinkOf(), context, await writer.prepareCommit(1));
  expect(await written(directory.path)).toEqual([1, 2, 3]);
});
