// What becomes of matches: the user's function makes records of them, or they go on as they are.
import type { PatternOperatorSpec } from '@millrace/api';
import type { OperatorSetup } from '../operator-setup.ts';
import type { FunctionContext } from '../process/process-context.ts';
import type { MatchOutput } from './matcher.ts';
import type { RunningPattern } from './running-pattern.ts';

type ResultFunction = (match: object, context: FunctionContext) => unknown;

/** Sends results out. What the user's functions throw is a failing record's: of it, others know nothing. */
export class MatchResults implements MatchOutput {
  readonly wantsTimedOut: boolean;
  readonly #setup: OperatorSetup;
  readonly #operator: PatternOperatorSpec;
  readonly #matchSite: number;
  readonly #timeoutSite: number;
  #pattern: RunningPattern | undefined;
  #context: FunctionContext | undefined;

  constructor(setup: OperatorSetup, operator: PatternOperatorSpec) {
    this.#setup = setup;
    this.#operator = operator;
    this.wantsTimedOut = operator.timedOutOutput !== undefined;
    const what = operator.isFlat ? 'flatSelect function' : 'select function';
    this.#matchSite = setup.sites.register(setup.node, what);
    this.#timeoutSite = setup.sites.register(setup.node, 'function for what timed out');
  }

  /** Says whose matches come. */
  of(pattern: RunningPattern, context: FunctionContext): void {
    this.#pattern = pattern;
    this.#context = context;
  }

  /** Says what event time the results have. */
  at(timestampMs: number): void {
    if (this.#context !== undefined) this.#context.timestamp = timestampMs;
  }

  matched(match: object): void {
    const context = this.#context as FunctionContext;
    const { onMatch, isFlat } = this.#operator;
    const given = this.#withRule(match);
    if (onMatch === undefined) {
      context.emit(given);
      return;
    }
    const results = this.#call(onMatch as ResultFunction, given, this.#matchSite);
    if (!isFlat) {
      if (results !== FAILED) context.emit(results);
      return;
    }
    if (results === FAILED || results === undefined || results === null) return;
    try {
      for (const result of results as Iterable<unknown>) context.emit(result);
    } catch (error) {
      this.#fail(error, this.#matchSite, given);
    }
  }

  timedOut(partial: object, timeoutMs: number): void {
    const context = this.#context as FunctionContext;
    const { onTimedOut, timedOutOutput } = this.#operator;
    if (timedOutOutput === undefined) return;
    const given = this.#withRule(partial);
    const result =
      onTimedOut === undefined
        ? this.#timedOutRecord(given, timeoutMs)
        : this.#call(onTimedOut as ResultFunction, given, this.#timeoutSite);
    if (result !== FAILED) context.output({ name: timedOutOutput }, result);
  }

  /** A rule's match says whose it is. */
  #withRule(match: object): object {
    const pattern = this.#pattern;
    if (pattern === undefined || pattern.rule === '') return match;
    return { rule: pattern.rule, version: pattern.version, key: this.#context?.key, match };
  }

  #timedOutRecord(given: object, timedOutAt: number): object {
    return this.#pattern?.rule === '' ? { match: given, timedOutAt } : { ...given, timedOutAt };
  }

  #call(fn: ResultFunction, match: object, site: number): unknown {
    const { sites } = this.#setup;
    try {
      const result = fn(match, this.#context as FunctionContext);
      sites.refusePromise(result, site);
      return result;
    } catch (error) {
      this.#fail(error, site, match);
      return FAILED;
    }
  }

  #fail(error: unknown, site: number, match: object): void {
    this.#setup.failures.take(error, site, match, this.#context?.timestamp ?? NaN, -1);
  }
}

const FAILED = Symbol('failed');
