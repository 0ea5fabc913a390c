// A source of one's own in a few lines: a list of splits, and a generator that reads one.
import { MillraceError } from '@millrace/common';
import type { Json } from '@millrace/proto';
import { sourceBrand } from '../brand.ts';
import type {
  ConnectorContext,
  MalformedRecord,
  MaybePromise,
  Source,
  SourceBatch,
  Split,
  SplitReader,
} from '../connector/source.ts';
import {
  describe,
  invalidOption,
  positiveOption,
  refuseUnknownOptions,
  textOption,
} from '../options/check-options.ts';

/** What a source's `read` yields: records, and the position behind them. */
export interface SourceChunk<T, P> {
  /** At best some hundreds. None: nothing to read right now. */
  readonly records: readonly T[];
  /** Where reading goes on after a recovery: behind these records. Plain JSON. */
  readonly position: P;
  /** Weight of the split read so far; for progress. */
  readonly weightRead?: number;
  /** Records that could not be read; the program's `onMalformed` says what becomes of them. */
  readonly malformed?: readonly MalformedRecord[];
  /** Where record `row` (from 0) of these is in the input, for people; called when a function fails on it. */
  readonly positionOf?: (row: number) => string;
}

/** `number` for 0, so that a start may be written as a literal. */
type Widened<P> = P extends number ? number : P extends string ? string : P extends boolean ? boolean : P;

/** Options of {@link defineSource}. */
export interface SourceDefinition<T, S extends Split, P extends Json> {
  /** For plans and logs; options that matter belong in it. */
  readonly name: string;
  /** Default `bounded`: the source ends when all splits have been read. */
  readonly boundedness?: 'bounded' | 'unbounded';
  /** True when event time does not decrease from one split to the next. Default false. */
  readonly isOrdered?: boolean;
  readonly ratePerSecond?: number;
  /** Parts that are read in parallel. A function is called once a submission. */
  readonly splits: readonly S[] | ((context: ConnectorContext) => MaybePromise<readonly S[]>);
  /** Position of the start of a split. */
  readonly start: P | ((split: S) => P);
  /**
   * Reads a split from `position` on, as a generator (also asynchronous).
   * Contract: replayable: from the same position it gives the same records in the same order.
   */
  readonly read: (
    split: S,
    position: Widened<P>,
    context: ConnectorContext,
  ) => Iterable<SourceChunk<T, Widened<P>>> | AsyncIterable<SourceChunk<T, Widened<P>>>;
}

const OPTIONS = ['name', 'boundedness', 'isOrdered', 'ratePerSecond', 'splits', 'start', 'read'];

/**
 * Returns a source. For full control (columns, back-pressure of one's own) implement `Source` instead.
 * @example
 * const countdown = defineSource({
 *   name: 'countdown',
 *   splits: [{ id: 'a', from: 10 }, { id: 'b', from: 20 }],
 *   start: (split) => split.from,
 *   *read(split, position) {
 *     for (let value = position; value > 0; value--) yield { records: [value], position: value - 1 };
 *   },
 * });
 */
export function defineSource<T, S extends Split, P extends Json>(
  definition: SourceDefinition<T, S, P>,
): Source<T> {
  refuseUnknownOptions('defineSource()', definition, OPTIONS);
  const { splits, start, read, ratePerSecond } = definition;
  const name = textOption('the name of a source', definition.name);
  if (typeof splits !== 'function' && !Array.isArray(splits)) {
    throw invalidOption(
      `Cannot use ${describe(splits)} as the splits of source "${name}": write an array or a function that gives one`,
    );
  }
  if (typeof read !== 'function')
    throw invalidOption(
      `Cannot use ${describe(read)} as \`read\` of source "${name}": write a generator function`,
    );
  if (ratePerSecond !== undefined) positiveOption(`\`ratePerSecond\` of source "${name}"`, ratePerSecond);
  return Object.freeze({
    [sourceBrand]: 1,
    name,
    boundedness: definition.boundedness ?? 'bounded',
    isOrdered: definition.isOrdered ?? false,
    ...(ratePerSecond === undefined ? {} : { ratePerSecond }),
    describe: () => ({}),
    enumerate: (context) => (typeof splits === 'function' ? splits(context) : splits),
    openSplit(split, position, context) {
      const own = split as S;
      const from = position === undefined ? (typeof start === 'function' ? start(own) : start) : position;
      return chunkReader(name, read(own, from as Widened<P>, context));
    },
  } satisfies Source<T>);
}

function chunkReader<T, P>(
  name: string,
  chunks: Iterable<SourceChunk<T, P>> | AsyncIterable<SourceChunk<T, P>>,
): SplitReader<T> {
  const iterator =
    Symbol.asyncIterator in chunks ? chunks[Symbol.asyncIterator]() : chunks[Symbol.iterator]();
  return {
    read() {
      const step = iterator.next();
      return step instanceof Promise
        ? step.then((result) => toBatch(name, result))
        : toBatch(name, step as IteratorResult<SourceChunk<T, P>>);
    },
    async close() {
      await iterator.return?.();
    },
  };
}

function toBatch<T, P>(name: string, step: IteratorResult<SourceChunk<T, P>>): SourceBatch<T> | undefined {
  if (step.done === true) return undefined;
  checkChunk(name, step.value);
  const { records, position, weightRead, malformed, positionOf } = step.value;
  return {
    kind: 'records',
    records,
    position: position as Json,
    weightRead,
    malformed,
    positionOf,
  };
}

/** @throws {MillraceError} MR_SOURCE_READ for what is no chunk: without a position records would be read again after a recovery */
function checkChunk(name: string, chunk: unknown): void {
  const { records, position, malformed } = (chunk ?? {}) as {
    readonly records?: unknown;
    readonly position?: unknown;
    readonly malformed?: unknown;
  };
  if (!Array.isArray(records)) throw wrongChunk(name, `${describe(chunk)}, which has no array \`records\``);
  if (position === undefined) throw wrongChunk(name, 'a chunk without `position`');
  if (malformed === undefined) return;
  const wrong = Array.isArray(malformed) ? malformed.find((record) => !isMalformed(record)) : malformed;
  if (wrong !== undefined) throw wrongChunk(name, `${describe(wrong)} among its \`malformed\``);
}

function isMalformed(record: unknown): boolean {
  const { position, reason, raw } = (record ?? {}) as { readonly [field: string]: unknown };
  return (
    typeof position === 'string' &&
    typeof reason === 'string' &&
    (typeof raw === 'string' || raw instanceof Uint8Array)
  );
}

function wrongChunk(name: string, what: string): MillraceError {
  return new MillraceError(
    'MR_SOURCE_READ',
    `\`read\` of source "${name}" yielded ${what}: yield { records: […], position }, and malformed: [{ position, reason, raw }] where there are such`,
    { fault: 'user', retry: 'never' },
  );
}
