// What Flink answers, by the public API: each case in a real operator chain, as it comes, with a snapshot and a restore into new
// instances after every step, and at several parallelisms.
import { describe, expect, test } from 'vitest';
import { begin, defineJob, fromArray, outputTag, type DataStream, type TimedOutMatch } from '@millrace/api';
import { ChainHarness, type HarnessSnapshot } from '@millrace/testing';
import {
  buildPattern,
  byName,
  call,
  cepCases,
  conditionOf,
  eventsOf,
  skipOf,
  Texts,
  type Builder,
  type ByName,
  type CepCase,
  type CepEvent,
  type Driven,
} from './cep-cases.ts';

/** Cases that we mean to answer otherwise, with the reason: none. */
const DIFFERENT: ReadonlyMap<string, string> = new Map();

const timedOut = outputTag<TimedOutMatch<object>>('timedOut');
const late = outputTag<CepEvent>('late');
/** Stands for Flink's least and greatest watermark. */
const MIN_MS = -1e15;
const MAX_MS = Infinity;

interface Way {
  readonly restores: boolean;
  readonly parallelism: readonly number[];
}

const WAYS: readonly (Way & { readonly what: string })[] = [
  { what: 'as it comes', restores: false, parallelism: [1] },
  { what: 'restored after every step, at one and two subtasks', restores: true, parallelism: [1, 1, 2] },
];

/** A run of a case, whose chains may be replaced by new ones at any step. */
class CaseRun {
  readonly #case: CepCase;
  readonly #way: Way;
  #harness: ChainHarness<CepEvent>;
  #attempt = 1;

  private constructor(of: { given: CepCase; way: Way; harness: ChainHarness<CepEvent> }) {
    this.#case = of.given;
    this.#way = of.way;
    this.#harness = of.harness;
  }

  static async open(given: CepCase, way: Way): Promise<CaseRun> {
    const harness = await ChainHarness.open({
      operators: operatorsOf(given),
      parallelism: way.parallelism[0] ?? 1,
    });
    return new CaseRun({ given, way, harness });
  }

  async send(event: CepEvent, atMs: number | undefined): Promise<void> {
    this.#harness.send([atMs === undefined ? { value: event } : { value: event, atMs }]);
    await this.#afterStep();
  }

  async watermark(ms: number): Promise<void> {
    this.#harness.watermark(ms);
    await this.#afterStep();
  }

  async processingTime(ms: number): Promise<void> {
    this.#harness.processingTime(ms);
    await this.#afterStep();
  }

  /** New instances, maybe at another parallelism. */
  async restore(): Promise<void> {
    const before = this.#harness;
    const snapshot: HarnessSnapshot = await before.snapshot(this.#attempt);
    const emitted = before.emitted.splice(0);
    await before.close();
    const { parallelism } = this.#way;
    this.#harness = await ChainHarness.open({
      operators: operatorsOf(this.#case),
      parallelism: parallelism[this.#attempt % parallelism.length] ?? 1,
      restore: snapshot,
      attemptNumber: ++this.#attempt,
      blobStore: before.blobStore,
    });
    this.#harness.emitted.push(...emitted);
  }

  /** What came out since the last look. */
  take(): { matches: ByName[]; timeouts: { match: ByName; timeoutTs: number }[]; late: number[] } {
    const emitted = this.#harness.emitted.splice(0);
    const of = (output: string) =>
      emitted.filter((each) => each.output === output).map(({ record }) => record);
    return {
      matches: of('main').map((match) => byName(match as object)),
      timeouts: of('timedOut').map((record) => {
        const { match, timedOutAt } = record as TimedOutMatch<object>;
        return { match: byName(match), timeoutTs: timedOutAt };
      }),
      late: of('late').map((record) => (record as CepEvent).n),
    };
  }

  get stateEntries(): number {
    return this.#harness.chains.reduce((sum, { metrics }) => sum + metrics.stateEntries, 0);
  }

  get lateCount(): number {
    return this.#harness.chains.reduce((sum, { drops }) => sum + drops.counts.late, 0);
  }

  close(): Promise<void> {
    return this.#harness.close();
  }

  async #afterStep(): Promise<void> {
    if (this.#way.restores) await this.restore();
  }
}

function operatorsOf(given: CepCase) {
  return (input: DataStream<CepEvent>) => {
    const compare =
      given.comparator === undefined ? {} : { compare: (a: CepEvent, b: CepEvent) => a.price - b.price };
    const options = { time: given.time ?? 'event', ...compare };
    const pattern = buildPattern(given) as never;
    const keyed =
      given.keyBy === 'id'
        ? input.keyBy(({ id }) => id).pattern<object>(pattern, options)
        : input.pattern<object>(pattern, options);
    const wantsLate = given.steps?.some(({ late: events }) => events !== undefined) === true;
    const stream = wantsLate ? keyed.sideOutputLateData(late) : keyed;
    const main = stream.timedOut(timedOut).matches();
    return {
      main,
      timedOut: main.sideOutput(timedOut),
      ...(wantsLate ? { late: main.sideOutput(late) } : {}),
    };
  };
}

/** Of a case whose times go back, the positions: they are the order in which Flink's automaton got them, and it has no limit. */
function timesOf({ events }: CepCase): readonly number[] {
  const times = events.map(({ n, ts }) => ts ?? n);
  return times.every((time, index) => time >= (times[index - 1] ?? -Infinity))
    ? times
    : events.map(({ n }) => n);
}

async function runAutomatonCase(given: CepCase, way: Way): Promise<void> {
  const run = await CaseRun.open(given, way);
  const times = timesOf(given);
  for (const [index, event] of given.events.entries()) {
    const atMs = times[index] as number;
    await run.send(event, atMs);
    if (event.processingTime !== undefined) await run.processingTime(event.processingTime);
    if (times[index + 1] !== atMs) await run.watermark(atMs);
  }
  if (given.advanceTimeAfter !== undefined) await run.watermark(given.advanceTimeAfter);
  const { matches, timeouts } = run.take();
  const texts = new Texts(given);
  if (given.expectedMatches !== null && given.expectedMatches !== undefined)
    expect(texts.events(matches.map(eventsOf))).toEqual(texts.events(given.expectedMatches));
  if (given.expectedMatchesByName !== undefined)
    expect(texts.names(matches)).toEqual(texts.names(given.expectedMatchesByName));
  if (given.expectedMatchCount !== undefined) expect(matches).toHaveLength(given.expectedMatchCount);
  if (given.expectedTimeouts !== undefined)
    expect(timeouts.map(({ match, timeoutTs }) => `${texts.name(match)} at ${timeoutTs}`).sort()).toEqual(
      given.expectedTimeouts.map(({ match, timeoutTs }) => `${texts.name(match)} at ${timeoutTs}`).sort(),
    );
  if (given.pendingPartialMatches === 0) expect(run.stateEntries).toBe(0);
  await run.close();
}

async function runOperatorCase(given: CepCase, way: Way): Promise<void> {
  const run = await CaseRun.open(given, way);
  for (const step of given.steps ?? []) {
    if (step.event !== undefined) {
      const event = given.events[step.event - 1] as CepEvent;
      await run.send(event, given.time === 'event' ? (event.ts ?? 0) : undefined);
    } else if (step.watermark !== undefined) await run.watermark(msOf(step.watermark));
    else if (step.processingTime !== undefined) await run.processingTime(step.processingTime);
    else if (step.snapshotAndRestore === true) {
      await run.restore();
      if (given.outputsBeforeRestoreNotChecked === true) run.take();
    } else check(run, step, given);
  }
  await run.close();
}

function msOf(watermark: number | 'MIN' | 'MAX'): number {
  if (watermark === 'MIN') return MIN_MS;
  return watermark === 'MAX' ? MAX_MS : watermark;
}

function check(run: CaseRun, step: Driven, given: CepCase): void {
  if (step.expectLateCount !== undefined) {
    expect(run.lateCount).toBe(step.expectLateCount);
    return;
  }
  if (step.expectStateEmptyForKeys !== undefined) {
    const others = new Set(given.events.map(({ id }) => id));
    for (const key of step.expectStateEmptyForKeys) others.delete(key);
    if (others.size === 0) expect(run.stateEntries).toBe(0);
    return;
  }
  const texts = new Texts(given);
  const { matches, timeouts, late: lateEvents } = run.take();
  if (step.expect !== undefined) {
    const expected = step.expect.flatMap(({ match }) => (match === undefined ? [] : [match]));
    // Between two watermarks keys have no order between them; within a key the automaton's order is looked at.
    expect(matches.map((match) => texts.name(match)).sort()).toEqual(
      expected.map((match) => texts.name(match)).sort(),
    );
  }
  if (step.late !== undefined) expect(lateEvents).toEqual(step.late);
  if (step.timeouts !== undefined)
    expect(timeouts.map(({ match, timeoutTs }) => `${texts.name(match)} at ${timeoutTs}`)).toEqual(
      step.timeouts.map(({ match, timeoutTs }) => `${texts.name(match)} at ${timeoutTs}`),
    );
  if (step.expectMatches !== undefined)
    expect(texts.events(matches.map(eventsOf))).toEqual(texts.events(step.expectMatches));
  if (step.expectMatchesByName !== undefined)
    expect(texts.names(matches)).toEqual(texts.names(step.expectMatchesByName));
  if (step.expectFirstEventOfMatches !== undefined)
    expect(matches.map((match) => Math.min(...eventsOf(match)))).toEqual(step.expectFirstEventOfMatches);
  if (step.expectFirstEventPerName !== undefined)
    expect(
      matches.map((match) =>
        Object.fromEntries(Object.entries(match).map(([name, [first]]) => [name, first])),
      ),
    ).toEqual(step.expectFirstEventPerName);
  if (step.timeoutsFirstEvent !== undefined)
    expect(timeouts.map(({ match }) => Object.values(match)[0]?.[0] ?? 0).sort((a, b) => a - b)).toEqual(
      step.timeoutsFirstEvent,
    );
}

const run = cepCases.filter(({ kind, name }) => kind !== 'invalid' && !DIFFERENT.has(name));

describe.each(WAYS)('$what', (way) => {
  test.each(run)('$name', async (given) => {
    const answered = given.kind === 'nfa' ? runAutomatonCase(given, way) : runOperatorCase(given, way);
    if (given.expectedError === undefined) {
      await answered;
      return;
    }
    await expect(answered).rejects.toMatchObject({
      code: 'MR_USER_FUNCTION',
      message: expect.stringMatching(/the match|first event/) as unknown,
    });
  });
});

describe('patterns that are refused when the graph is built', () => {
  test.each(cepCases.filter(({ kind }) => kind === 'invalid'))('$name', (given) => {
    const job = defineJob('refused', (env) => {
      env
        .source(fromArray<CepEvent>([]))
        .pattern(buildByCalls(given) as never, { time: 'processing' })
        .matches()
        .print();
    });
    expect(() => job.plan({ args: [], params: {}, environment: {}, baseDirectory: '/' })).toThrow(
      expect.objectContaining({ code: 'MR_PATTERN_INVALID' }) as Error,
    );
  });
});

function buildByCalls({ calls = [] }: CepCase): Builder {
  let built: Builder | undefined;
  let skip: unknown;
  for (const [method, ...args] of calls) {
    if (method === 'begin') {
      built = (begin as unknown as (name: unknown) => Builder)(args[0]);
      skip = args[1] === undefined ? undefined : skipOf(args[1] as never);
    } else if (method === 'where' || method === 'until')
      built = call(built as Builder, method, conditionOf(args[0] as string));
    else if (method === 'within')
      built = call(
        built as Builder,
        method,
        args[0],
        args[1] === 'PREVIOUS_AND_CURRENT' ? 'previousAndCurrent' : 'firstAndLast',
      );
    else built = call(built as Builder, method, ...args);
  }
  return skip === undefined ? (built as Builder) : call(built as Builder, 'afterMatch', skip);
}
