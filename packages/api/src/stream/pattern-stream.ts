// A stream and a pattern over it.
import { recordFunction } from '../function/check-function.ts';
import { tagName, type OutputTag } from '../function/output-tag.ts';
import type { UserFunction } from '../graph/operator.ts';
import type { PatternOperatorSpec } from '../graph/pattern-operator.ts';
import { invalidGraph, type StreamOutlet } from '../graph/transformation.ts';
import { integerOption, oneOf, refuseUnknownOptions } from '../options/check-options.ts';
import type { PatternSpec } from '../pattern/pattern-spec.ts';
import type { PartialMatch } from '../pattern/pattern-types.ts';
import type { DeepMutable, Sync } from '../readonly.ts';
import type { DataStream } from './data-stream.ts';
import type { StreamScope } from './stream-scope.ts';

/** Partial matches of one key at most, unless set. */
const PARTIAL_MATCHES_MAX = 100_000;

/** Options of `pattern()`. */
export interface PatternOptions<T> {
  /**
   * `event`: events are sorted by their time, and taken when the watermark has passed it. `processing`: they are taken as they
   * come, at the clock's time. Default `event`.
   */
  readonly time?: 'event' | 'processing';
  /**
   * Orders events of equal time; those that compare as 0 stay as they came. With processing time: events of the same
   * millisecond, which then wait until it is over.
   */
  readonly compare?: (a: T, b: T) => number;
  /**
   * Partial matches that one key may have; with more the job fails with MR_STATE_TOO_LARGE, because without `within()` or
   * `until()` they may grow for ever. Default 100,000.
   */
  readonly partialMatchesMax?: number;
}

/** What `select` and its like know. Contract: valid until the function returns. */
export interface MatchContext<K> {
  /** Of the match; null without a key. */
  readonly key: K;
  /** Event time of the match's last event, of what timed out the time it did; NaN for a timeout in processing time. */
  readonly timestamp: number;
  /** Wall clock, ms since the epoch, UTC. */
  now(): number;
  /** Sends a record to a side output, with event time `timestamp`. */
  output<R>(tag: OutputTag<R>, record: NoInfer<R>): void;
}

/** A partial match that ran out of time. */
export interface TimedOutMatch<M> {
  readonly match: PartialMatch<M>;
  /** When it could wait no longer, ms: first event + `within`, or the event before + the step's limit. */
  readonly timedOutAt: number;
}

/** The checked part of an operator that options say. */
export function patternSettings(
  what: string,
  options: PatternOptions<never>,
): Pick<PatternOperatorSpec, 'timeDomain' | 'partialMatchesMax' | 'compare'> {
  refuseUnknownOptions(what, options, ['time', 'compare', 'partialMatchesMax']);
  const timeDomain = oneOf(`\`time\` of ${what}`, options.time ?? 'event', ['event', 'processing']);
  const { compare } = options;
  return {
    timeDomain,
    partialMatchesMax: integerOption(
      `\`partialMatchesMax\` of ${what}`,
      options.partialMatchesMax ?? PARTIAL_MATCHES_MAX,
      {
        min: 1,
      },
    ),
    ...(compare === undefined
      ? {}
      : { compare: recordFunction(`\`compare\` of ${what}`, compare as UserFunction) }),
  };
}

/** What a pattern stream is made of. */
export interface PatternSource {
  readonly scope: StreamScope;
  readonly inputs: readonly StreamOutlet[];
  readonly isKeyed: boolean;
  readonly pattern: PatternSpec | undefined;
  readonly settings: Pick<PatternOperatorSpec, 'timeDomain' | 'partialMatchesMax' | 'compare'>;
  readonly outputs: Pick<PatternOperatorSpec, 'lateOutput' | 'timedOutOutput' | 'onTimedOut'>;
}

/**
 * A stream of events `T` with a pattern whose matches are `M`. Say what becomes of them: {@link matches}, {@link select} or
 * {@link flatSelect}. What is emitted has the event time of the match's last event.
 */
export class PatternStream<K, T, M> {
  readonly #of: PatternSource;

  constructor(of: PatternSource) {
    this.#of = of;
  }

  /** Sends events whose time the watermark has passed already to a side output: `result.sideOutput(tag)`. They are counted as late in any case. */
  sideOutputLateData(tag: OutputTag<DeepMutable<T>>): PatternStream<K, T, M> {
    if (this.#of.settings.timeDomain !== 'event')
      throw invalidGraph('Cannot use sideOutputLateData() here: with processing time no event is late');
    return this.#with({ lateOutput: tagName(tag, 'sideOutputLateData()') });
  }

  /**
   * Sends partial matches that ran out of time to a side output: `result.sideOutput(tag)`; with a function, what it makes of
   * them. A trailing `notFollowedBy` makes a match instead, when its time is over.
   */
  timedOut(tag: OutputTag<TimedOutMatch<M>>): PatternStream<K, T, M>;
  timedOut<R>(
    tag: OutputTag<R>,
    select: (partial: PartialMatch<M>, context: MatchContext<K>) => Sync<NoInfer<R>>,
  ): PatternStream<K, T, M>;
  timedOut(tag: OutputTag<never>, select?: UserFunction): PatternStream<K, T, M> {
    return this.#with({
      timedOutOutput: tagName(tag, 'timedOut()'),
      ...(select === undefined ? {} : { onTimedOut: recordFunction('the function of timedOut()', select) }),
    });
  }

  /** The matches as they are: an object with the names of the steps. */
  matches(): DataStream<M> {
    return this.#end({ isFlat: false });
  }

  /** Each match becomes what `select` returns. */
  select<U>(select: (match: M, context: MatchContext<K>) => Sync<U>): DataStream<U> {
    return this.#end({ isFlat: false, onMatch: recordFunction('the function of select()', select) });
  }

  /** Each match becomes all that `select` returns, an array or another iterable. */
  flatSelect<U>(select: (match: M, context: MatchContext<K>) => Iterable<U>): DataStream<U> {
    return this.#end({ isFlat: true, onMatch: recordFunction('the function of flatSelect()', select) });
  }

  #with(outputs: PatternSource['outputs']): PatternStream<K, T, M> {
    return new PatternStream({ ...this.#of, outputs: { ...this.#of.outputs, ...outputs } });
  }

  #end<U>(end: Pick<PatternOperatorSpec, 'isFlat' | 'onMatch'>): DataStream<U> {
    const { scope, inputs, isKeyed, pattern, settings, outputs } = this.#of;
    const operator: PatternOperatorSpec = {
      kind: 'pattern',
      pattern,
      isKeyed,
      params: scope.params,
      ...settings,
      ...outputs,
      ...end,
    };
    const transformation = scope.builder.add(
      operator,
      inputs,
      pattern === undefined ? 'pattern rules' : 'pattern',
    );
    if (!isKeyed) transformation.setParallelism(1);
    return scope.streamOf<U>(transformation);
  }
}
