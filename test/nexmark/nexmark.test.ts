// Every query on a cluster in this process, against what Flink's SQL answers on the same events.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { NexmarkEvent } from '@millrace/connector-nexmark';
import { writeEventFile } from '../../examples/nexmark/event-file.mjs';
import { allEvents, optionsOf, type Params } from './all-events.ts';
import { flinkResults } from './flink-results.ts';
import { digestOf } from './results.ts';
import { resultOf as resultOfRun } from './run-query.ts';

const fixture = flinkResults('minute');
let directory = '';

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'millrace-nexmark-'));
});

afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** What updates of a query end in. */
function resultOf(
  query: string,
  parallelism: number,
  params: Params = fixture.events,
): Promise<readonly string[]> {
  return resultOfRun(query, { parallelism, params, directory });
}

describe.each(Object.entries(fixture.queries))('%s', (query, expected) => {
  test.each([1, 2, 4])('gives what Flink gives, with parallelism %i', async (parallelism) => {
    expect(digestOf(await resultOf(query, parallelism))).toEqual(expected);
  });
});

describe.each(['events.jsonl', 'events.parquet'])('read from %s', (name) => {
  let input = '';

  beforeAll(async () => {
    input = join(directory, name);
    await writeEventFile(input, optionsOf(fixture.events));
  });

  test.each(Object.entries(fixture.queries))('%s gives the same', async (query, expected) => {
    expect(digestOf(await resultOf(query, 2, { input }))).toEqual(expected);
  });

  test('q5 gives the same where events are said to be in order', async () => {
    const inOrder = await resultOf('q5', 2, { input, ordered: 'true' });
    expect(digestOf(inOrder)).toEqual(fixture.queries['q5']);
  });
});

/** The event as another program may have written it: fields in another order, one more, absent kinds as null, times in ISO 8601. */
function lineOfOthers(event: NexmarkEvent, index: number): string {
  const iso = (time: number): string => {
    const text = new Date(time).toISOString();
    return (
      [text, text.slice(0, -1), text.slice(0, -1).replace('T', ' '), text.replace('Z', '+00:00')][
        index % 4
      ] ?? text
    );
  };
  const { event_type, ...kinds } = event;
  const objects = Object.entries(kinds).map(([kind, fields]) => [
    kind,
    Object.fromEntries(
      [...Object.entries(fields as object), ['note', 'é"\\\n']]
        .reverse()
        .map(([name, value]) => [
          name,
          name === 'dateTime' || name === 'expires' ? iso(value as number) : value,
        ]),
    ),
  ]);
  return JSON.stringify({
    person: null,
    auction: null,
    bid: null,
    ...Object.fromEntries(objects),
    event_type,
  });
}

test('queries read files of others, with times in ISO 8601', async () => {
  const input = join(directory, 'others.jsonl');
  // The last line has no end.
  writeFileSync(input, (await allEvents(fixture.events)).map(lineOfOthers).join('\r\n'));
  for (const query of ['q5', 'q9'])
    expect(digestOf(await resultOf(query, 2, { input })), query).toEqual(fixture.queries[query]);
});
