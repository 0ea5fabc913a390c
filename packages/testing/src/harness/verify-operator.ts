// `verifyOperator`: runs operators in every way that an engine may run them, and compares what they emit each time.
import { MillraceError } from '@millrace/common';
import { ChainHarness } from './chain-harness.ts';
import type { DataStream } from '@millrace/api';
import type {
  EmittedRecord,
  HarnessSnapshot,
  OperatorsUnderTest,
  SidedValue,
  TestedOutputs,
} from './harness-options.ts';

/** One thing that reaches the operators, or that they give out. */
export type HarnessEvent<T> =
  | { readonly kind: 'record'; readonly value: T; readonly atMs?: number; readonly output?: string }
  | { readonly kind: 'watermark'; readonly watermarkMs: number }
  | { readonly kind: 'processingTime'; readonly nowMs: number }
  | { readonly kind: 'endOfInput' };

/** A record, with its event time. Of an expected one without event time the time is not compared. */
export function record<T>(
  value: T,
  options: { readonly atMs?: number; readonly output?: string } = {},
): HarnessEvent<T> {
  return { kind: 'record', value, ...options };
}

export function watermark(watermarkMs: number): HarnessEvent<never> {
  return { kind: 'watermark', watermarkMs };
}

/** The wall clock comes to `nowMs`; it starts at 0. */
export function processingTime(nowMs: number): HarnessEvent<never> {
  return { kind: 'processingTime', nowMs };
}

/** The last watermark and the end of the input. */
export const endOfInput: HarnessEvent<never> = { kind: 'endOfInput' };

/** Results between two events, in any order. */
interface Segment {
  readonly after: string;
  readonly results: readonly string[];
}

/** Milliseconds of real time that one run may take. */
const RUN_MS_MAX = 10_000;

/**
 * Runs operators of the real engine over an input.
 * @example
 * await verifyOperator<Reading>((input) => input.keyBy((r) => r.key).window(tumbling(10)).aggregate({ sum: sum((r) => r.value) }))
 *   .input(record({ key: 'a', value: 1 }, { atMs: 1 }), record({ key: 'a', value: 2 }, { atMs: 9 }), watermark(9))
 *   .expect(record({ key: 'a', windowStart: 0, windowEnd: 10, sum: 3 }, { atMs: 9 }), watermark(9))
 *   .survivesRestoreAtEveryStep({ parallelism: [1, 3] });
 */
export function verifyOperator<T>(operators: OperatorsUnderTest<T>): OperatorVerification<T> {
  return new OperatorVerification<T>(operators, [], []);
}

/**
 * The same for operators over two streams: the input is made with {@link leftRecord} and {@link rightRecord}. There is one watermark, which is
 * that of both inputs.
 */
export function verifyTwoInputs<L, R>(
  operators: (left: DataStream<L>, right: DataStream<R>) => TestedOutputs,
): OperatorVerification<SidedValue<L, R>> {
  return verifyOperator<SidedValue<L, R>>({ ofTwo: operators as never });
}

/** A record of the first stream of {@link verifyTwoInputs}. */
export function leftRecord<T>(
  value: T,
  options: { readonly atMs?: number } = {},
): HarnessEvent<SidedValue<T, never>> {
  return record({ side: 'left' as const, value }, options);
}

/** A record of the second stream. */
export function rightRecord<T>(
  value: T,
  options: { readonly atMs?: number } = {},
): HarnessEvent<SidedValue<never, T>> {
  return record({ side: 'right' as const, value }, options);
}

/** Immutable; ends with {@link OperatorVerification.holds} or {@link OperatorVerification.survivesRestoreAtEveryStep}. */
export class OperatorVerification<T> {
  readonly #operators: OperatorsUnderTest<T>;
  readonly #input: readonly HarnessEvent<T>[];
  readonly #expected: readonly HarnessEvent<unknown>[];

  constructor(
    operators: OperatorsUnderTest<T>,
    input: readonly HarnessEvent<T>[],
    expected: readonly HarnessEvent<unknown>[],
  ) {
    this.#operators = operators;
    this.#input = input;
    this.#expected = expected;
  }

  input(...events: readonly HarnessEvent<T>[]): OperatorVerification<T> {
    return new OperatorVerification(this.#operators, events, this.#expected);
  }

  /** What comes out: records between two watermarks in any order. Other events than records stand as they do in the input. */
  expect(...events: readonly HarnessEvent<unknown>[]): OperatorVerification<T> {
    return new OperatorVerification(this.#operators, this.#input, events);
  }

  /**
   * Runs with records one at a time and all at once, with frozen records, and with an output that refuses credit every other
   * time.
   */
  async holds(options: { readonly parallelism?: readonly number[] } = {}): Promise<void> {
    for (const parallelism of options.parallelism ?? [1]) {
      for (const isOneAtATime of [true, false]) {
        for (const refusesCredit of [false, true]) {
          const what = `${isOneAtATime ? 'one at a time' : 'all at once'}, ${parallelism} subtasks${refusesCredit ? ', credit refused' : ''}`;
          await this.#check(what, () =>
            this.#run({ parallelism, isOneAtATime, refusesCredit, freezesRecords: refusesCredit }),
          );
        }
      }
    }
  }

  /** As {@link holds}, and stops before every event: snapshot, new instances, on with the rest; at all pairs of parallelisms. */
  async survivesRestoreAtEveryStep(options: { readonly parallelism: readonly number[] }): Promise<void> {
    await this.holds(options);
    for (const before of options.parallelism) {
      for (const after of options.parallelism) {
        for (let step = 0; step <= this.#input.length; step++) {
          const what = `restored before event ${step}, ${before} → ${after} subtasks`;
          await this.#check(what, () => this.#runRestored({ before, after, step }));
        }
        await this.#check(`restored before every event, ${before} ⇄ ${after} subtasks`, () =>
          this.#runAlwaysRestored(before, after),
        );
      }
    }
  }

  async #check(what: string, run: () => Promise<readonly Segment[]>): Promise<void> {
    const startedMs = performance.now();
    const actual = await run();
    const tookMs = performance.now() - startedMs;
    if (tookMs > RUN_MS_MAX)
      throw new MillraceError(
        'MR_TIMEOUT',
        `Verification (${what}) took ${Math.round(tookMs)} ms; at most ${RUN_MS_MAX}`,
      );
    const expected = this.#expectedSegments();
    const difference = firstDifference(expected, actual);
    if (difference !== undefined) throw new Error(`Operator differs (${what}): ${difference}`);
  }

  async #run(options: {
    readonly parallelism: number;
    readonly isOneAtATime: boolean;
    readonly refusesCredit: boolean;
    readonly freezesRecords: boolean;
  }): Promise<readonly Segment[]> {
    const harness = await ChainHarness.open({ operators: this.#operators, ...options });
    try {
      return await this.#drive(harness, this.#input, options.isOneAtATime);
    } finally {
      await harness.close();
    }
  }

  async #runRestored(of: {
    readonly before: number;
    readonly after: number;
    readonly step: number;
  }): Promise<readonly Segment[]> {
    const first = await ChainHarness.open({ operators: this.#operators, parallelism: of.before });
    const before = await this.#drive(first, this.#input.slice(0, of.step), true);
    const snapshot = await first.snapshot(1);
    // A barrier flushes partial aggregates, which may fire again what late records changed.
    const head = joined(before, [this.#segment(first, 'the end')]);
    // What happens after the snapshot is lost, so that it may disturb nothing.
    if (of.step < this.#input.length) await this.#drive(first, this.#input.slice(of.step, of.step + 1), true);
    await first.close();
    const second = await this.#restored(snapshot, {
      parallelism: of.after,
      attemptNumber: 2,
      blobStore: first.blobStore,
    });
    await second.settle();
    const tail = await this.#drive(second, this.#input.slice(of.step), true);
    await second.close();
    return joined(head, tail);
  }

  async #runAlwaysRestored(before: number, after: number): Promise<readonly Segment[]> {
    let harness = await ChainHarness.open({ operators: this.#operators, parallelism: before });
    let segments: readonly Segment[] = [];
    for (const [index, event] of this.#input.entries()) {
      segments = joined(segments, await this.#drive(harness, [event], true));
      const snapshot = await harness.snapshot(index + 1);
      segments = joined(segments, [this.#segment(harness, 'the end')]);
      await harness.close();
      const parallelism = index % 2 === 0 ? after : before;
      harness = await this.#restored(snapshot, {
        parallelism,
        attemptNumber: index + 2,
        blobStore: harness.blobStore,
      });
      await harness.settle();
    }
    await harness.close();
    return segments;
  }

  #restored(
    restore: HarnessSnapshot,
    of: {
      readonly parallelism: number;
      readonly attemptNumber: number;
      readonly blobStore: ChainHarness<T>['blobStore'];
    },
  ): Promise<ChainHarness<T>> {
    return ChainHarness.open({ operators: this.#operators, restore, ...of });
  }

  async #drive(
    harness: ChainHarness<T>,
    events: readonly HarnessEvent<T>[],
    isOneAtATime: boolean,
  ): Promise<readonly Segment[]> {
    const segments: Segment[] = [];
    let records: { value: T; atMs?: number }[] = [];
    const send = async (): Promise<void> => {
      if (records.length === 0) return;
      harness.send(records);
      records = [];
      await harness.settle();
    };
    for (const event of events) {
      if (event.kind === 'record') {
        records.push(
          event.atMs === undefined ? { value: event.value } : { value: event.value, atMs: event.atMs },
        );
        if (isOneAtATime) await send();
        continue;
      }
      await send();
      apply(harness, event);
      await harness.settle();
      segments.push(this.#segment(harness, nameOf(event)));
    }
    await send();
    segments.push(this.#segment(harness, 'the end'));
    return segments;
  }

  #segment(harness: ChainHarness<T>, after: string): Segment {
    return {
      after,
      results: harness.emitted
        .splice(0)
        .map((result) => this.#textOf(result))
        .sort(),
    };
  }

  #expectedSegments(): readonly Segment[] {
    const segments: Segment[] = [];
    let results: string[] = [];
    for (const event of this.#expected) {
      if (event.kind === 'record') {
        results.push(
          this.#textOf({
            output: event.output ?? 'main',
            record: event.value,
            timestampMs: event.atMs ?? NaN,
          }),
        );
        continue;
      }
      segments.push({ after: nameOf(event), results: results.sort() });
      results = [];
    }
    segments.push({ after: 'the end', results: results.sort() });
    return segments;
  }

  #textOf(result: EmittedRecord): string {
    const hasTimes = this.#expected.some((event) => event.kind === 'record' && event.atMs !== undefined);
    const at = hasTimes ? ` at ${result.timestampMs}` : '';
    return `${result.output} ${stableText(result.record)}${at}`;
  }
}

function apply<T>(
  harness: ChainHarness<T>,
  event: Exclude<HarnessEvent<T>, { readonly kind: 'record' }>,
): void {
  switch (event.kind) {
    case 'watermark':
      return harness.watermark(event.watermarkMs);
    case 'processingTime':
      return harness.processingTime(event.nowMs);
    case 'endOfInput':
      return harness.endInput();
  }
}

function nameOf(event: HarnessEvent<unknown>): string {
  switch (event.kind) {
    case 'record':
      return 'a record';
    case 'watermark':
      return `watermark ${event.watermarkMs}`;
    case 'processingTime':
      return `processing time ${event.nowMs}`;
    case 'endOfInput':
      return 'end of input';
  }
}

/** Joins the segments before a restore with those after it: the last one goes on. */
function joined(head: readonly Segment[], tail: readonly Segment[]): readonly Segment[] {
  const last = head.at(-1);
  const first = tail[0];
  if (last === undefined || first === undefined) return [...head, ...tail];
  return [
    ...head.slice(0, -1),
    { after: first.after, results: [...last.results, ...first.results].sort() },
    ...tail.slice(1),
  ];
}

function firstDifference(expected: readonly Segment[], actual: readonly Segment[]): string | undefined {
  for (let index = 0; index < Math.max(expected.length, actual.length); index++) {
    const wanted = expected[index];
    const got = actual[index];
    if (wanted?.after !== got?.after)
      return `expected ${wanted?.after ?? 'nothing more'}, got ${got?.after ?? 'nothing more'}`;
    if (wanted?.results.join('\n') === got?.results.join('\n')) continue;
    return `before ${wanted?.after}\n  expected: ${wanted?.results.join(' | ') || 'nothing'}\n  actual:   ${got?.results.join(' | ') || 'nothing'}`;
  }
  return undefined;
}

/** Text that is equal for equal values, fields in any order. */
function stableText(value: unknown): string {
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'number') return Object.is(value, -0) ? '-0' : String(value);
  if (typeof value !== 'object' || value === null)
    return typeof value === 'string' ? JSON.stringify(value) : String(value);
  if (value instanceof Date) return `Date(${value.getTime()})`;
  if (Array.isArray(value)) return `[${value.map(stableText).join()}]`;
  const fields = value as Record<string, unknown>;
  return `{${Object.keys(fields)
    .sort()
    .map((name) => `${name}:${stableText(fields[name])}`)
    .join()}}`;
}
