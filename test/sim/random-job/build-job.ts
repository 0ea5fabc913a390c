// A random job as a program: what the interpreter computes at once, in operators of the engine.
import {
  boundedOutOfOrderness,
  count,
  countTrigger,
  defineJob,
  defineSource,
  endOfInput,
  fromArray,
  globalWindow,
  mapState,
  max,
  min,
  outputTag,
  session,
  sliding,
  sum,
  tumbling,
  type,
  type AsyncContext,
  type Change,
  type ChangelogStream,
  type DataStream,
  type DeepReadonly,
  type JobDefinition,
  type StreamEnvironment,
} from '@millrace/api';
import { jsonLines } from '@millrace/connector-files';
import type { SimHooks } from '@millrace/testing';
import { firstOfKey, joinVersions, matchPattern } from './build-event-order.ts';
import { changeKeeper, joinTables, makeTable, tableStep, uniteTables } from './build-tables.ts';
import { answerTo, keeper, pickOne, timerBuckets } from './functions.ts';
import { joinStreams } from './build-stream-join.ts';
import { broadcastKeeper, keyedBroadcastKeeper, pairCounter } from './connected-functions.ts';
import {
  copiesOf,
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
  type Line,
  type NodeSpec,
  type Rec,
  type Ref,
  type SourceSpec,
} from './job-spec.ts';

type Window = Extract<NodeSpec, { readonly kind: 'window' }>;
type Sink = Extract<NodeSpec, { readonly kind: 'sink' }>;
type Connect = Extract<NodeSpec, { readonly kind: 'connect' }>;
type Broadcast = Extract<NodeSpec, { readonly kind: 'broadcast' }>;
type Table = Extract<NodeSpec, { readonly kind: 'table' | 'tableStep' | 'joinTables' | 'uniteTables' }>;
type Step = Exclude<Extract<NodeSpec, { readonly input: Ref }>, Sink | Table>;

const sideTag = outputTag<Rec>('side');

/** Its parameter `inputMs` says how long the input takes; 0: as fast as it can be read. */
export function buildJob(spec: JobSpec, hooks: SimHooks): JobDefinition {
  return defineJob('random', (env) => {
    const builder = new JobBuilder(env, hooks);
    for (const node of spec.nodes) builder.add(node);
  });
}

class JobBuilder {
  readonly #env: StreamEnvironment;
  readonly #hooks: SimHooks;
  readonly #streams = new Map<number, DataStream<Rec>>();
  readonly #tables = new Map<number, ChangelogStream<Rec>>();

  constructor(env: StreamEnvironment, hooks: SimHooks) {
    this.#env = env;
    this.#hooks = hooks;
  }

  add(node: NodeSpec): void {
    if (node.kind === 'sink') {
      this.#addSink(node);
      return;
    }
    if (
      node.kind === 'table' ||
      node.kind === 'tableStep' ||
      node.kind === 'joinTables' ||
      node.kind === 'uniteTables'
    ) {
      const table = this.#tableOf(node);
      this.#tables.set(node.id, table.uid(`node-${node.id}`).name(`${node.kind} ${node.id}`));
      return;
    }
    const stream = this.#streamOf(node).uid(`node-${node.id}`).name(`${node.kind} ${node.id}`);
    const own = node.parallelism === undefined ? stream : stream.parallelism(node.parallelism);
    this.#streams.set(node.id, own);
  }

  #read({ node, isSide }: Ref): DataStream<Rec> {
    const stream = this.#streams.get(node);
    if (stream === undefined) throw new Error(`node ${node} is read before it is there`);
    return isSide === true ? stream.sideOutput(sideTag) : stream;
  }

  /** A stream in place of a table, where a job was cut down, is one that only grows. */
  #readTable(ref: Ref): ChangelogStream<Rec> {
    return this.#tables.get(ref.node) ?? this.#read(ref).toTable();
  }

  #tableOf(node: Table): ChangelogStream<Rec> {
    switch (node.kind) {
      case 'table':
        return makeTable(node, this.#read(node.input), this.#hooks);
      case 'tableStep':
        return tableStep(node, this.#readTable(node.input), this.#hooks);
      case 'joinTables': {
        const [left, right] = node.inputs;
        return joinTables(node, [this.#readTable(left), this.#readTable(right)], this.#hooks);
      }
      case 'uniteTables':
        return uniteTables(
          node.id,
          node.inputs.map((ref) => this.#readTable(ref)),
        );
      default:
        return node satisfies never;
    }
  }

  #streamOf(node: Exclude<NodeSpec, Sink | Table>): DataStream<Rec> {
    if (node.kind === 'source') return this.#source(node.id, node);
    if (node.kind === 'union') {
      const { id } = node;
      const [first, ...others] = node.inputs.map((ref, input) =>
        this.#read(ref)
          .map((record) => tagged(record, id, input))
          .uid(`tag-${id}-${input}`),
      );
      if (first === undefined) throw new Error('a union has inputs');
      return first.union(...others);
    }
    if (node.kind === 'connect') return this.#connected(node);
    if (node.kind === 'broadcast') return this.#broadcast(node);
    if (node.kind === 'joinStreams') {
      const [first, second] = node.inputs;
      return joinStreams(node, [this.#read(first), this.#read(second)], this.#hooks);
    }
    if (node.kind === 'temporal') {
      const [records, table] = node.inputs;
      return joinVersions(node, [this.#read(records), this.#read(table)], this.#hooks);
    }
    return this.#step(node, this.#read(node.input));
  }

  #connected({ id, how, inputs: [first, second] }: Connect): DataStream<Rec> {
    const [a, b] = [this.#read(first), this.#read(second)];
    if (how === 'map')
      return a.connect(b).map(
        (record) => {
          this.#hooks.userCall();
          return ofInput(record, id, 0);
        },
        (record) => ofInput(record, id, 1),
      );
    return a
      .keyBy((record) => record.key)
      .connect(b.keyBy((record) => record.key))
      .process(pairCounter(id, this.#hooks));
  }

  #broadcast({ id, how, inputs: [first, second] }: Broadcast): DataStream<Rec> {
    const [a, b] = [this.#read(first), this.#read(second)];
    const rules = b.broadcast({ seen: mapState<string, number>() });
    return how === 'plain'
      ? a.connect(rules).process(broadcastKeeper(id, this.#hooks))
      : a
          .keyBy((record) => record.key)
          .connect(rules)
          .process(keyedBroadcastKeeper(id, this.#hooks));
  }

  #source(id: number, spec: SourceSpec): DataStream<Rec> {
    const splits = Array.from({ length: spec.splits }, (_, index) => ({ id: `${index}`, index, weight: 1 }));
    const total = spec.splits * spec.recordsPerSplit;
    const inputMs = this.#env.params.number('inputMs');
    const source = defineSource({
      name: `random ${id}`,
      boundedness: spec.isBounded ? 'bounded' : 'unbounded',
      splits,
      start: 0,
      *read(
        { index }: { readonly id: string; readonly index: number; readonly weight: number },
        position: number,
      ) {
        const records = recordsOfSplit(id, spec, index);
        for (let from = position; from < records.length; from += spec.chunkRecords) {
          const chunk = records.slice(from, from + spec.chunkRecords);
          yield { records: chunk, position: from + chunk.length };
        }
        while (!spec.isBounded) yield { records: [], position: records.length };
      },
    });
    return this.#env.source<Rec>(source, {
      watermarks: boundedOutOfOrderness(`${spec.disorderMs} ms`, (record) => record.ts, {
        ...(spec.driftMs === undefined ? {} : { alignment: { group: 'all', maxDrift: spec.driftMs } }),
        ...(spec.isNeverIdle === true ? { idleAfter: 'never' } : {}),
      }),
      ...(spec.isRated && inputMs > 0 ? { ratePerSecond: (total * 1_000) / inputMs } : {}),
    });
  }

  #step(node: Step, input: DataStream<Rec>): DataStream<Rec> {
    const hooks = this.#hooks;
    switch (node.kind) {
      case 'map':
        return input.map((record) => {
          hooks.userCall();
          return mapped(record, node.add);
        });
      case 'filter':
        return input.filter((record) => {
          hooks.userCall();
          return isKept(record, node.modulus);
        });
      case 'flatMap':
        return input.flatMap((record) => copiesOf(record, node.copies));
      case 'ask': {
        const { order, capacity, retryMs } = node;
        const options = { order, capacity, retry: { attempts: 3, initialDelay: retryMs } };
        const ask = (record: DeepReadonly<Rec>, { attempt }: AsyncContext): Promise<Rec> => {
          hooks.userCall();
          return answerTo(record, node.id, attempt);
        };
        return order === 'perKey'
          ? input.keyBy((record) => record.key).mapAsync(ask, options)
          : input.mapAsync(ask, options);
      }
      case 'rekey':
        return input.map((record) => rekeyed(record, node.keyCount));
      case 'spread':
        return this.#spread(node.how, input);
      case 'join':
        return input.join(fromArray(tableOf(node.id, node.tableKeys), { name: `table ${node.id}` }), {
          recordKey: (record) => record.key,
          tableKey: (row) => row.key,
          type: node.joinType as 'left',
          select: (record, row) => ({ ...record, n: row === undefined ? record.n - 1 : record.n + row.add }),
        });
      case 'route':
        return input.process<Rec>({
          emits: type<Rec>(),
          onRecord: (record, ctx) => {
            hooks.userCall();
            if (record.n % node.modulus === 0) ctx.output(sideTag, record);
            else ctx.emit(record);
          },
        });
      default:
        return this.#keyedStep(node, input);
    }
  }

  #keyedStep(
    node: Extract<
      Step,
      {
        readonly kind:
          | 'count'
          | 'reduce'
          | 'keep'
          | 'timers'
          | 'window'
          | 'countWindow'
          | 'pattern'
          | 'first';
      }
    >,
    input: DataStream<Rec>,
  ): DataStream<Rec> {
    const { id } = node;
    switch (node.kind) {
      case 'count':
        return input
          .keyBy((record) => record.key)
          .aggregate({ count: count() })
          .uid(`count-${id}`)
          .map(({ key, count: n }) => ({ key, n, origin: `${id}/${key}`, seq: n - 1, ts: 0 }));
      case 'reduce':
        return input
          .map(({ key }): Rec => ({ key, n: 1, origin: `${id}/${key}`, seq: 0, ts: 0 }))
          .uid(`ones-${id}`)
          .keyBy((record) => record.key)
          .reduce((a, b) => ({ ...a, n: a.n + b.n, seq: a.seq + b.seq + 1 }));
      case 'keep':
        return input.keyBy((record) => record.key).process(keeper(id, node.check, this.#hooks));
      case 'timers':
        return input.keyBy((record) => record.key).process(timerBuckets(id, node.bucketMs, this.#hooks));
      case 'window':
        return this.#window(node, input);
      case 'countWindow':
        return everyFew(node, input);
      case 'pattern':
        return matchPattern(id, node.pattern, input, this.#hooks);
      case 'first':
        return firstOfKey(id, input);
      default:
        return node satisfies never;
    }
  }

  #window(node: Window, input: DataStream<Rec>): DataStream<Rec> {
    const { id, shape, how, latenessMs } = node;
    const isAtEnd = shape.kind === 'endOfInput';
    const restamped = (key: string, n: number, endMs: number): Rec =>
      isAtEnd
        ? { key, n, origin: `${id}/${key}`, seq: 0, ts: 0 }
        : { key, n, origin: `${id}/${key}`, seq: endMs, ts: endMs - 1 };
    const assigner =
      shape.kind === 'endOfInput'
        ? endOfInput()
        : shape.kind === 'tumbling'
          ? tumbling(`${shape.sizeMs} ms`)
          : shape.kind === 'session'
            ? session(shape.gapMs)
            : sliding(`${shape.sizeMs} ms`, `${shape.slideMs} ms`);
    if (how === 'reduce') return this.#reducedWindow(input, { id, assigner, latenessMs, restamped });
    const windows = input.keyBy((record) => record.key).window(assigner);
    const late = isAtEnd || latenessMs === 0 ? windows : windows.allowedLateness(`${latenessMs} ms`);
    if (how === 'process')
      return late.process((key, records, window) => {
        const numbers = [...records].map(({ n }) => n);
        const of = { count: numbers.length, sum: 0, min: Math.min(...numbers), max: Math.max(...numbers) };
        for (const n of numbers) of.sum += n;
        return [restamped(key, windowNumber(of), window.end)];
      });
    return late
      .aggregate({
        count: count(),
        sum: sum((record) => record.n),
        min: min((record) => record.n),
        max: max((record) => record.n),
      })
      .uid(`window-${id}`)
      .map((result) => restamped(result.key, windowNumber(result), result.windowEnd));
  }

  /** Two records become one that has what the aggregates need: the count in `seq`, the rest packed in `n`'s companions. */
  #reducedWindow(
    input: DataStream<Rec>,
    of: {
      readonly id: number;
      readonly assigner: ReturnType<typeof tumbling>;
      readonly latenessMs: number;
      readonly restamped: (key: string, n: number, endMs: number) => Rec;
    },
  ): DataStream<Rec> {
    const { id, assigner, latenessMs, restamped } = of;
    const windows = input
      .map(({ key, n }) => ({ key, count: 1, sum: n, min: n, max: n }))
      .uid(`parts-${id}`)
      .keyBy((part) => part.key)
      .window(assigner);
    const late =
      assigner.kind === 'endOfInput' || latenessMs === 0
        ? windows
        : windows.allowedLateness(`${latenessMs} ms`);
    return late
      .reduce((a, b) => ({
        key: a.key,
        count: a.count + b.count,
        sum: a.sum + b.sum,
        min: Math.min(a.min, b.min),
        max: Math.max(a.max, b.max),
      }))
      .uid(`window-${id}`)
      .process<Rec>({
        emits: type<Rec>(),
        onRecord: (part, ctx) => {
          ctx.emit(restamped(part.key, windowNumber(part), ctx.timestamp + 1));
        },
      });
  }

  #spread(how: 'rebalance' | 'global' | 'pick', input: DataStream<Rec>): DataStream<Rec> {
    if (how === 'pick') return input.broadcast().process(pickOne());
    const spread = how === 'rebalance' ? input.rebalance() : input.global();
    return spread.map((record) => ({ ...record }));
  }

  #addSink({ id, input, form, isTimed, parallelism }: Sink): void {
    const table = this.#tables.get(input.node);
    const lines =
      table === undefined
        ? this.#read(input).map((record) => toLine(record, isTimed))
        : this.#changes(id, table).map(({ kind, row }): Line => ({ c: kind, ...toLine(row, false) }));
    lines.uid(`line-${id}`);
    const name = `sink-${id}`;
    const files = { path: name, ...(form === 'smallFiles' ? { maxFileBytes: 200 } : {}) };
    const sink = form === 'ledger' ? this.#hooks.sink(name) : jsonLines<Line>(files);
    const end = lines.sink(sink).uid(name);
    if (parallelism !== undefined) end.parallelism(parallelism);
  }

  /** Of half of the sinks, as it costs an exchange, looks on their way whether each row was there that is taken back. */
  #changes(id: number, table: ChangelogStream<Rec>): DataStream<Change<Rec>> {
    if (id % 2 === 1) return table.toStream();
    return table
      .toStream()
      .keyBy(({ row }) => `${row.key}/${row.origin}`)
      .process(changeKeeper(id, this.#hooks))
      .uid(`changes-${id}`);
  }
}

/** The count of a key at every few records: windows that go on, or that begin anew and are counted. */
function everyFew(
  { id, size, isPurged }: { readonly id: number; readonly size: number; readonly isPurged: boolean },
  input: DataStream<Rec>,
): DataStream<Rec> {
  const keyed = input.keyBy((record) => record.key);
  const recordOf = (key: string, n: number): Rec => ({
    key,
    n,
    origin: `${id}/${key}`,
    seq: n / size - 1,
    ts: 0,
  });
  if (!isPurged)
    return keyed
      .window(globalWindow())
      .trigger(countTrigger(size))
      .aggregate({ count: count() })
      .uid(`every-${id}`)
      .map((result) => recordOf(result.key, result.count));
  return keyed
    .countWindow(size)
    .aggregate({ count: count() })
    .uid(`every-${id}`)
    .keyBy((result) => result.key)
    .aggregate({ total: sum((result) => result.count) })
    .uid(`total-${id}`)
    .map((result) => recordOf(result.key, result.total));
}
