import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import type { Json, Sink, SinkContext } from '@millrace/api';
import { csv } from '../csv/csv.ts';
import { crashingPort, isCrash } from '../fixture/crashing-port.ts';
import { connectorContext } from '../fixture/read-source.ts';
import { temporaryDirectory } from '../fixture/temporary-directory.ts';
import { jsonLines } from '../json-lines/json-lines.ts';

interface Row {
  readonly id: number;
  readonly day: string | null;
  readonly minute: string;
}

/** This sink keeps no lists. */
const operatorState: SinkContext['operatorState'] = {
  list: (name) => expect.fail(`the list ${name} was asked for`),
  unionList: (name) => expect.fail(`the list ${name} was asked for`),
};

function sinkContext(directory: string, changes: Partial<SinkContext> = {}): SinkContext {
  const own = { runId: 'run-7', operatorUid: 'out', attemptNumber: 1, operatorState };
  return { ...connectorContext(directory), ...own, ...changes };
}

const rowOf = (id: number): Row => ({ id, day: `d${id % 2}`, minute: `00:0${id % 3}` });

async function commit(sink: Sink<Row>, context: SinkContext, committables: readonly Json[]): Promise<void> {
  await (await sink.openCommitter?.(context))?.commit(committables);
}

/** Texts of all visible files below `out`, by the path of their directory. */
async function written(directory: string): Promise<Readonly<Record<string, string>>> {
  const names = await readdir(`${directory}/out`, { recursive: true });
  const files = names.filter((name) => /(?:^|\/)part-[^/]*$/u.test(name)).sort();
  const texts = await Promise.all(
    files.map(async (name) => [
      name.replace(/\/?part-.*$/u, ''),
      await readFile(`${directory}/out/${name}`, 'utf8'),
    ]),
  );
  const all: Record<string, string> = {};
  for (const [path, text] of texts as [string, string][]) all[path] = (all[path] ?? '') + text;
  return all;
}

test('rows go to the directory of their partition, without the fields that its path says', async () => {
  const directory = await temporaryDirectory();
  const context = sinkContext(directory.path);
  const sink = csv<Row>({ path: 'out', partitionBy: ['day', 'minute'] });
  const writer = await sink.openWriter(context, []);
  for (const row of [rowOf(0), rowOf(6), rowOf(1), { id: 2, day: null, minute: 'a/b' }, rowOf(12)])
    writer.write(row, 0);
  const sealing = writer.prepareCommit(1);
  writer.write(rowOf(18), 0);
  await commit(sink, context, await sealing);
  const first = {
    'day=d0/minute=00%3A00': 'id\n0\n6\n12\n',
    'day=d1/minute=00%3A01': 'id\n1\n',
    'day=__HIVE_DEFAULT_PARTITION__/minute=a%2Fb': 'id\n2\n',
  };
  expect(await written(directory.path)).toEqual(first);
  await commit(sink, context, await writer.prepareCommit(2));
  expect(await written(directory.path)).toEqual({
    ...first,
    'day=d0/minute=00%3A00': 'id\n0\n6\n12\nid\n18\n',
  });
  expect(() => writer.write({ id: 1, minute: '' } as never, 0)).toThrow('it has no such field');
  await writer.close();
});

test('more partitions than may be open at a time are all written, in few open files', async () => {
  const directory = await temporaryDirectory();
  const context = sinkContext(directory.path);
  const sink = jsonLines<{ id: number; at: number }>({ path: 'out', partitionBy: ['at'] });
  const writer = await sink.openWriter(context, []);
  for (let id = 0; id < 300; id++) writer.write({ id, at: id % 100 }, 0);
  await (await sink.openCommitter?.(context))?.commit(await writer.prepareCommit(1));
  const files = await written(directory.path);
  expect(Object.keys(files)).toHaveLength(100);
  expect(files['at=7']?.trim().split('\n').sort()).toEqual(['{"id":107}', '{"id":207}', '{"id":7}']);
});

async function runAttempt(
  sink: Sink<Row>,
  context: SinkContext,
  progress: { acknowledged: readonly Json[]; checkpointId: number },
): Promise<void> {
  await commit(sink, context, progress.acknowledged);
  const writer = await sink.openWriter(context, progress.acknowledged);
  while (progress.checkpointId < 3) {
    const first = progress.checkpointId * 4;
    for (let id = first; id < first + 4; id++) writer.write(rowOf(id), 0);
    const committables = await writer.prepareCommit(progress.checkpointId + 1);
    progress.checkpointId += 1;
    progress.acknowledged = committables;
    await commit(sink, context, committables);
  }
  await writer.close();
}

test('recovered after a crash at any step, partitions have each row exactly once, and nothing is left over', async () => {
  let crashCount = 0;
  for (let step = 0; ; step++) {
    const directory = await temporaryDirectory();
    const sink = jsonLines<Row>({ path: 'out', partitionBy: ['day', 'minute'] });
    const progress = { acknowledged: [] as readonly Json[], checkpointId: 0 };
    let hasCrashed = false;
    await runAttempt(sink, sinkContext(directory.path, { files: crashingPort(step) }), progress).catch(
      (error: unknown) => {
        if (!isCrash(error)) throw error;
        hasCrashed = true;
      },
    );
    if (hasCrashed) await runAttempt(sink, sinkContext(directory.path, { attemptNumber: 2 }), progress);
    const ids = Object.values(await written(directory.path))
      .flatMap((text) => text.trimEnd().split('\n'))
      .map((line) => (JSON.parse(line) as Row).id);
    expect(ids.sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
    const names = await readdir(`${directory.path}/out`, { recursive: true });
    expect(names.filter((name) => name.includes('/.') || name.startsWith('.'))).toEqual([]);
    if (!hasCrashed) break;
    crashCount++;
  }
  expect(crashCount).toBeGreaterThan(20);
});

test('ifExists looks into partitions, and into no other directory', async () => {
  const directory = await temporaryDirectory();
  const context = sinkContext(directory.path);
  const of = (ifExists: 'fail' | 'replace'): Sink<Row> =>
    jsonLines<Row>({ path: 'out', partitionBy: ['day', 'minute'], ifExists });
  const writer = await of('fail').openWriter(context, []);
  writer.write(rowOf(1), 0);
  await commit(of('fail'), context, await writer.prepareCommit(1));
  await mkdir(`${directory.path}/out/notes`);
  await writeFile(`${directory.path}/out/notes/mine.txt`, '');
  const next = sinkContext(directory.path, { runId: 'run-8' });
  await expect(of('fail').prepare?.(next)).rejects.toMatchObject({ code: 'MR_SINK_EXISTS' });
  await writeFile(`${directory.path}/out/day=d1/minute=00%3A01/mine.txt`, '');
  await expect(of('replace').prepare?.(next)).rejects.toMatchObject({
    code: 'MR_SINK_EXISTS',
    message: expect.stringContaining('"mine.txt"') as string,
  });
  await writeFile(`${directory.path}/out/day=d1/minute=00%3A01/.mine`, '');
  const other = jsonLines<Row>({ path: 'out', partitionBy: ['minute'], ifExists: 'replace' });
  await other.prepare?.(next);
  expect(Object.keys(await written(directory.path))).toEqual(['day=d1/minute=00%3A01']);
});

test('partitionBy takes names, each once', () => {
  for (const partitionBy of [['day', 'day'], [''], [1], 'day'])
    expect(() => jsonLines({ path: 'out', partitionBy: partitionBy as string[] })).toThrow('`partitionBy`');
});
