// Chunks of a file are read into the same memory in turns: what batches have is not theirs.
import { writeFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import type { SourceBatch } from '@millrace/api';
import { csv } from '../csv/csv.ts';
import { connectorContext } from '../fixture/read-source.ts';
import { temporaryDirectory } from '../fixture/temporary-directory.ts';
import { jsonLines } from '../json-lines/json-lines.ts';

interface Row {
  readonly n: number | string;
  readonly text: string;
}

const LINES = 40_000;
/** Longer than what is kept free for the rest of a chunk. */
const LONG = 'z'.repeat(100_000);

/** Of each thousand lines one is malformed. */
const isMalformed = (i: number): boolean => i % 1_000 === 7;
const textOf = (i: number): string => (i % 9_000 === 8_999 ? `${i}${LONG}` : `${i} ${'y'.repeat(i % 90)}`);
const kept = Array.from({ length: LINES }, (_, i) => i).filter((i) => !isMalformed(i));
const broken = Array.from({ length: LINES }, (_, i) => i).filter(isMalformed);

function recordsOf(batch: SourceBatch<Row>): string[] {
  if (batch.kind === 'records') return batch.records.map(({ text }) => text);
  if (batch.kind !== 'columns') throw new Error('text files give records or columns');
  return (batch.columns[0]?.values ?? []) as string[];
}

test.each([
  ['jsonLines', jsonLines<Row>({ path: 'rows' }), undefined],
  ['jsonLines with some fields', jsonLines<Row>({ path: 'rows' }), ['text']],
  ['csv', csv<Row>({ path: 'rows', columns: ['n', 'text'] }), undefined],
] as const)(
  '%s gives batches that stay as they are while the next ones are read',
  async (name, source, fields) => {
    const { path } = await temporaryDirectory();
    const line = (i: number): string =>
      name === 'csv'
        ? isMalformed(i)
          ? `${i},broken,here`
          : `${i},${textOf(i)}`
        : isMalformed(i)
          ? `{"n":${i}, broken}`
          : `{"n":${i},"text":"${textOf(i)}"}`;
    await writeFile(`${path}/rows`, Array.from({ length: LINES }, (_, i) => `${line(i)}\n`).join(''));
    const context = { ...connectorContext(path), ...(fields === undefined ? {} : { fields: [...fields] }) };
    const [split] = await source.enumerate(context);
    if (split === undefined) throw new Error('no split');
    const reader = await source.openSplit(split, undefined, context);
    const batches: SourceBatch<Row>[] = [];
    for (let batch = await reader.read(1_000); batch !== undefined; batch = await reader.read(1_000))
      batches.push(batch);
    expect(batches.flatMap(recordsOf)).toEqual(kept.map(textOf));
    const malformed = batches.flatMap((batch) => batch.malformed ?? []);
    expect(malformed.map(({ raw }) => Buffer.from(raw).toString())).toEqual(broken.map(line));
    const places = batches.flatMap((batch) => recordsOf(batch).map((_, row) => batch.positionOf?.(row)));
    expect(places.map((place) => Number(/line (\d+)/.exec(place ?? '')?.[1]))).toEqual(
      kept.map((i) => i + 1),
    );
  },
);
