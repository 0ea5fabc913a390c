// The reference: what a random job must give, by plain loops over all its records at once. Knows nothing of the engine.
import { firstRecords, matchedRecords, withVersions } from './event-order.ts';
import { groupsOf } from './groups.ts';
import {
  copiesOf,
  finalWatermark,
  isKept,
  mapped,
  ofInput,
  recordsOfSplit,
  rekeyed,
  tableOf,
  tagged,
  toLine,
  windowNumber,
  type JobSpec,
  type NodeSpec,
  type Rec,
  type Ref,
  type WindowShape,
} from './job-spec.ts';
import { joinedStreams } from './stream-join.ts';
import { joinedRows, rowsBehind, tableRows } from './tables.ts';

interface Stream {
  readonly records: readonly Rec[];
  readonly side?: readonly Rec[];
  /** Event time at the end: nothing later fires. */
  readonly watermarkMs: number;
}

type Step = Extract<NodeSpec, { readonly input: Ref }>;

/** How many records of a split are read before the job is drained: event time goes to its end behind them. */
export type ReadUpTo = (sourceId: number, split: number) => number;

/** Returns the lines of each sink, by its name. */
export function interpretJob(job: JobSpec, drainedAt?: ReadUpTo): ReadonlyMap<string, readonly string[]> {
  /** By id: a job that was cut down has gaps. */
  const streams = new Map<number, Stream>();
  const outputs = new Map<string, readonly string[]>();
  const read = ({ node, isSide }: Ref): Stream => {
    const stream = streams.get(node) ?? { records: [], watermarkMs: Infinity };
    return isSide === true ? { ...stream, records: stream.side ?? [] } : stream;
  };
  for (const node of job.nodes) {
    if (node.kind === 'sink') {
      const lines = read(node.input).records.map((record) => JSON.stringify(toLine(record, node.isTimed)));
      outputs.set(`sink-${node.id}`, lines);
    }
    streams.set(node.id, streamOf(node, read, drainedAt));
  }
  return outputs;
}

function streamOf(node: NodeSpec, read: (ref: Ref) => Stream, drainedAt: ReadUpTo | undefined): Stream {
  if (node.kind === 'source') {
    const splits = Array.from({ length: node.splits }, (_, split) =>
      recordsOfSplit(node.id, node, split).slice(0, drainedAt?.(node.id, split)),
    );
    const watermarkMs = drainedAt === undefined ? finalWatermark(node) : Infinity;
    return { records: splits.flat(), watermarkMs };
  }
  if ('inputs' in node) {
    const inputs = node.inputs.map(read);
    if (node.kind === 'joinStreams')
      return joinedStreams(node.id, node.join, [read(node.inputs[0]), read(node.inputs[1])]);
    return {
      records: togetherOf(node, inputs),
      watermarkMs: Math.min(...inputs.map(({ watermarkMs }) => watermarkMs)),
    };
  }
  if (node.kind === 'sink') return { records: [], watermarkMs: Infinity };
  const input = read(node.input);
  return { ...input, side: [], ...stepOf(node, input) };
}

function stepOf(node: Step, input: Stream): Pick<Stream, 'records' | 'side'> {
  const { records } = input;
  switch (node.kind) {
    case 'map':
      return { records: records.map((record) => mapped(record, node.add)) };
    case 'filter':
      return { records: records.filter((record) => isKept(record, node.modulus)) };
    case 'flatMap':
      return { records: records.flatMap((record) => copiesOf(record, node.copies)) };
    case 'rekey':
      return { records: records.map((record) => rekeyed(record, node.keyCount)) };
    case 'spread':
    case 'keep':
    case 'ask':
      return { records };
    case 'join':
      return { records: joined(node.id, node, records) };
    case 'route':
      return {
        records: records.filter((record) => record.n % node.modulus !== 0),
        side: records.filter((record) => record.n % node.modulus === 0),
      };
    case 'count':
    case 'reduce':
      return { records: counted(node, records) };
    case 'timers':
      return { records: fired(node.id, { kind: 'tumbling', sizeMs: node.bucketMs }, input, timerRecord) };
    case 'window':
      return { records: fired(node.id, node.shape, input, windowRecord) };
    case 'countWindow':
      return { records: everyFew(node, records) };
    case 'pattern':
      return { records: matchedRecords(node.id, node.pattern, input) };
    case 'first':
      return { records: firstRecords(node.id, input) };
    case 'table':
      return { records: tableRows(node.id, node.making, records) };
    case 'tableStep':
      return { records: rowsBehind(node.id, node.step, records) };
    case 'sink':
      return { records: [] };
    default:
      return node satisfies never;
  }
}

/** What becomes of the records of several inputs. */
function togetherOf(
  node: Exclude<Extract<NodeSpec, { readonly inputs: readonly Ref[] }>, { readonly kind: 'joinStreams' }>,
  inputs: readonly Stream[],
): readonly Rec[] {
  const each = (of: (record: Rec, input: number) => Rec): readonly Rec[] =>
    inputs.flatMap(({ records }, input) => records.map((record) => of(record, input)));
  const first = inputs[0]?.records ?? [];
  switch (node.kind) {
    case 'union':
    case 'uniteTables':
      return each((record, input) => tagged(record, node.id, input));
    case 'connect': {
      if (node.how === 'map') return each((record, input) => ofInput(record, node.id, input));
      // As many as the input that has fewer of the key.
      const counts = byKey(inputs[1]?.records ?? []);
      return [...byKey(first)].flatMap(([key, group]) =>
        counted(
          node,
          group.slice(0, counts.get(key)?.length ?? 0).map((record) => ({ ...record, key })),
        ),
      );
    }
    case 'temporal': {
      const [records, table] = inputs;
      return records === undefined || table === undefined
        ? []
        : withVersions(node.id, node.joinType, [records, table]);
    }
    case 'joinTables':
      return joinedRows(node.id, node.join, [first, inputs[1]?.records ?? []]);
    case 'broadcast':
      return node.how === 'keyed' ? first : each((record, input) => tagged(record, node.id, input));
    default:
      return node satisfies never;
  }
}

function joined(
  id: number,
  { tableKeys, joinType }: { readonly tableKeys: number; readonly joinType: 'inner' | 'left' },
  records: readonly Rec[],
): readonly Rec[] {
  const table = new Map(tableOf(id, tableKeys).map(({ key, add }) => [key, add]));
  return records.flatMap((record) => {
    const add = table.get(record.key);
    if (add === undefined) return joinType === 'left' ? [{ ...record, n: record.n - 1 }] : [];
    return [{ ...record, n: record.n + add }];
  });
}

function byKey(records: readonly Rec[]): ReadonlyMap<string, readonly Rec[]> {
  return groupsOf(records, ({ key }) => key);
}

/** The nth record of a key gives n, whichever it is. */
function counted(node: { readonly id: number }, records: readonly Rec[]): readonly Rec[] {
  return [...byKey(records)].flatMap(([key, group]) =>
    group.map((_, index) => ({ key, n: index + 1, origin: `${node.id}/${key}`, seq: index, ts: 0 })),
  );
}

/** One for each `size` records of a key; the seq of each is its number. */
function everyFew(
  { id, size }: { readonly id: number; readonly size: number },
  records: readonly Rec[],
): readonly Rec[] {
  return [...byKey(records)].flatMap(([key, group]) =>
    Array.from({ length: Math.floor(group.length / size) }, (_, index) => ({
      key,
      n: (index + 1) * size,
      origin: `${id}/${key}`,
      seq: index,
      ts: 0,
    })),
  );
}

interface Fired {
  readonly id: number;
  readonly key: string;
  readonly endMs: number;
  readonly group: readonly Rec[];
}

/** Windows that have fired when all has been read. */
function fired(id: number, shape: WindowShape, input: Stream, toRecord: (of: Fired) => Rec): readonly Rec[] {
  return [...byKey(input.records)].flatMap(([key, group]) => {
    const windows = new Map<number, Rec[]>();
    for (const record of group)
      for (const endMs of shape.kind === 'session' ? [] : endsOf(shape, record.ts))
        windows.set(endMs, [...(windows.get(endMs) ?? []), record]);
    return [...(shape.kind === 'session' ? sessionsOf(group, shape.gapMs) : windows)]
      .filter(
        ([endMs]) => endMs - 1 <= input.watermarkMs && (endMs !== Infinity || input.watermarkMs === Infinity),
      )
      .map(([endMs, records]) => toRecord({ id, key, endMs, group: records }));
  });
}

/** By their ends: records of one key that are at most the gap apart. */
function sessionsOf(group: readonly Rec[], gapMs: number): ReadonlyMap<number, Rec[]> {
  const sessions = new Map<number, Rec[]>();
  let session: Rec[] = [];
  let endMs = -Infinity;
  for (const record of group.toSorted((a, b) => a.ts - b.ts)) {
    if (record.ts > endMs) session = [];
    else sessions.delete(endMs);
    session.push(record);
    endMs = record.ts + gapMs;
    sessions.set(endMs, session);
  }
  return sessions;
}

function endsOf(shape: Exclude<WindowShape, { readonly kind: 'session' }>, ts: number): readonly number[] {
  if (shape.kind === 'endOfInput') return [Infinity];
  const slideMs = shape.kind === 'sliding' ? shape.slideMs : shape.sizeMs;
  const ends: number[] = [];
  for (let startMs = Math.floor(ts / slideMs) * slideMs; startMs > ts - shape.sizeMs; startMs -= slideMs)
    ends.push(startMs + shape.sizeMs);
  return ends;
}

function windowRecord({ id, key, endMs, group }: Fired): Rec {
  const numbers = group.map(({ n }) => n);
  const n = windowNumber({
    count: numbers.length,
    sum: numbers.reduce((sum, number) => sum + number, 0),
    min: Math.min(...numbers),
    max: Math.max(...numbers),
  });
  return endMs === Infinity
    ? { key, n, origin: `${id}/${key}`, seq: 0, ts: 0 }
    : { key, n, origin: `${id}/${key}`, seq: endMs, ts: endMs - 1 };
}

/** Its timer is at the last millisecond of its bucket. */
function timerRecord({ id, key, endMs, group }: Fired): Rec {
  const n = group.reduce((sum, record) => sum + record.n, 0);
  return { key, n, origin: `${id}/${key}`, seq: endMs - 1, ts: endMs - 1 };
}
