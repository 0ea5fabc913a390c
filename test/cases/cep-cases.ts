// Adapter for `cep.json`: what its fields mean is said in its `format`.
import { readFileSync } from 'node:fs';
import {
  begin,
  noSkip,
  skipPastLastEvent,
  skipToFirst,
  skipToLast,
  skipToNext,
  type StepContext,
} from '@millrace/api';

export interface CepEvent {
  readonly n: number;
  readonly id: number;
  readonly name: string;
  readonly price: number;
  readonly volume?: number;
  readonly type?: string;
  readonly ts?: number | null;
  readonly processingTime?: number;
}

export interface CepStep {
  readonly contiguity: 'begin' | 'next' | 'followedBy' | 'followedByAny' | 'notNext' | 'notFollowedBy';
  readonly name?: string;
  readonly condition?: string;
  readonly subtype?: string;
  readonly until?: string;
  readonly quantifier?: {
    readonly type: 'oneOrMore' | 'times' | 'timesOrMore';
    readonly from: number;
    readonly to: number;
    readonly within?: number | null;
  };
  readonly optional?: boolean;
  readonly greedy?: boolean;
  readonly consecutive?: boolean;
  readonly allowCombinations?: boolean;
  readonly group?: readonly CepStep[];
}

interface Skip {
  readonly type: string;
  readonly pattern?: string;
  readonly throwExceptionOnMiss?: boolean;
}

export type ByName = { readonly [step: string]: readonly number[] };

export interface Driven {
  readonly event?: number;
  readonly watermark?: number | 'MIN' | 'MAX';
  readonly processingTime?: number;
  readonly snapshotAndRestore?: true;
  readonly expect?: readonly { readonly match?: ByName; readonly watermark?: number | string }[];
  readonly late?: readonly number[];
  readonly timeouts?: readonly { readonly match: ByName; readonly timeoutTs: number }[];
  readonly expectMatches?: readonly (readonly number[])[];
  readonly expectMatchesByName?: readonly ByName[];
  readonly expectFirstEventOfMatches?: readonly number[];
  readonly expectFirstEventPerName?: readonly { readonly [step: string]: number }[];
  readonly timeoutsFirstEvent?: readonly number[];
  readonly expectLateCount?: number;
  readonly expectStateEmptyForKeys?: readonly number[];
  readonly orderMatters?: boolean;
}

export interface CepCase {
  readonly name: string;
  readonly kind: 'nfa' | 'operator' | 'invalid';
  readonly pattern: readonly CepStep[] | null;
  readonly within?: number;
  readonly windowTimeType?: 'FIRST_AND_LAST' | 'PREVIOUS_AND_CURRENT';
  readonly afterMatchSkip: Skip | null;
  readonly events: readonly CepEvent[];
  readonly equalEvents?: readonly (readonly number[])[];
  readonly expectedMatches?: readonly (readonly number[])[] | null;
  readonly expectedMatchesByName?: readonly ByName[];
  readonly expectedMatchCount?: number;
  readonly expectedTimeouts?: readonly { readonly match: ByName; readonly timeoutTs: number }[];
  readonly pendingPartialMatches?: number;
  readonly advanceTimeAfter?: number;
  readonly expectedError?: string;
  readonly time?: 'event' | 'processing';
  readonly keyBy?: 'id' | null;
  readonly comparator?: string;
  readonly outputsBeforeRestoreNotChecked?: boolean;
  readonly steps?: readonly Driven[];
  readonly calls?: readonly (readonly [string, ...unknown[]])[];
  readonly refused?: string;
}

/** All cases of the file. */
export const cepCases: readonly CepCase[] = (
  JSON.parse(readFileSync(new URL('cep.json', import.meta.url), 'utf8')) as {
    readonly cases: readonly CepCase[];
  }
).cases;

/** The builder, as a case calls it: by names. */
export interface Builder {
  readonly spec: unknown;
  readonly [method: string]: unknown;
}

/** Calls a method of the builder. */
export function call(builder: Builder, method: string, ...args: readonly unknown[]): Builder {
  return (builder[method] as (...args: readonly unknown[]) => Builder).apply(builder, [...args]);
}

/** The pattern of a case, by the public API. */
export function buildPattern({ pattern, within, windowTimeType, afterMatchSkip }: CepCase): Builder {
  let built = buildSteps(pattern ?? []);
  if (within !== undefined)
    built = call(
      built,
      'within',
      within,
      windowTimeType === 'PREVIOUS_AND_CURRENT' ? 'previousAndCurrent' : 'firstAndLast',
    );
  return afterMatchSkip === null ? built : call(built, 'afterMatch', skipOf(afterMatchSkip));
}

export function skipOf({ type, pattern = '', throwExceptionOnMiss }: Skip): unknown {
  const options = { throwOnMiss: throwExceptionOnMiss === true };
  switch (type) {
    case 'skipToNext':
      return skipToNext();
    case 'skipPastLastEvent':
      return skipPastLastEvent();
    case 'skipToFirst':
      return skipToFirst(pattern, options);
    case 'skipToLast':
      return skipToLast(pattern, options);
    default:
      return noSkip();
  }
}

/** A condition's text as a function. */
export function conditionOf(text: string): (event: CepEvent, context: StepContext<object>) => boolean {
  // oxlint-disable-next-line typescript/no-implied-eval -- the cases are ours, and their conditions are JavaScript
  const evaluate = new Function(
    'id',
    'name',
    'price',
    'volume',
    'timestamp',
    'currentProcessingTime',
    'events',
    `return (${text});`,
  ) as (...values: readonly unknown[]) => unknown;
  return ({ id, name, price, volume }, context) =>
    Boolean(
      evaluate(id, name, price, volume, context.timestamp, context.now(), (step: string) =>
        (context.events as (name: string) => unknown)(step),
      ),
    );
}

function buildSteps(steps: readonly CepStep[]): Builder {
  let built: Builder | undefined;
  for (const step of steps) built = quantified(added(built, step), step);
  return built as Builder;
}

function added(before: Builder | undefined, step: CepStep): Builder {
  const what = step.group === undefined ? step.name : buildSteps(step.group);
  const first = begin as unknown as (what: unknown) => Builder;
  let built = before === undefined ? first(what) : call(before, step.contiguity, what);
  if (step.subtype !== undefined)
    built = call(built, 'subtype', (event: CepEvent) => event.type === step.subtype);
  return step.condition === undefined ? built : call(built, 'where', conditionOf(step.condition));
}

function quantified(built: Builder, step: CepStep): Builder {
  let result = built;
  if (step.quantifier !== undefined) {
    const { type, from, to, within } = step.quantifier;
    const options = typeof within === 'number' ? [{ within }] : [];
    if (type === 'oneOrMore') result = call(result, 'oneOrMore', ...options);
    else if (type === 'timesOrMore') result = call(result, 'timesOrMore', from, ...options);
    else if (from === to) result = call(result, 'times', from, ...options);
    else result = call(result, 'times', from, to, ...options);
  }
  if (step.consecutive === true) result = call(result, 'consecutive');
  if (step.allowCombinations === true) result = call(result, 'allowCombinations');
  if (step.greedy === true) result = call(result, 'greedy');
  if (step.optional === true) result = call(result, 'optional');
  return step.until === undefined ? result : call(result, 'until', conditionOf(step.until));
}

/** A match by position of its events; steps without events are left out. */
export function byName(match: object): ByName {
  const names: Record<string, number[]> = {};
  for (const [name, events] of Object.entries(match) as [
    string,
    CepEvent | readonly CepEvent[] | undefined,
  ][]) {
    const list =
      events === undefined ? [] : Array.isArray(events) ? (events as CepEvent[]) : [events as CepEvent];
    if (list.length > 0) names[name] = list.map(({ n }) => n);
  }
  return names;
}

/** Texts to compare lists of matches by, in any order. Equal events count as one. */
export class Texts {
  readonly #first = new Map<number, number>();

  constructor({ equalEvents = [] }: CepCase) {
    for (const [first, ...others] of equalEvents)
      for (const other of others) this.#first.set(other, first as number);
  }

  events(matches: readonly (readonly number[])[]): readonly string[] {
    return matches.map((events) => this.#sorted(events).join()).sort();
  }

  names(matches: readonly ByName[]): readonly string[] {
    return matches.map((match) => this.name(match)).sort();
  }

  name(match: ByName): string {
    return Object.keys(match)
      .sort()
      .map((step) => `${step}: ${(match[step] as readonly number[]).map((n) => this.#one(n)).join()}`)
      .join('; ');
  }

  #sorted(events: readonly number[]): readonly number[] {
    return events.map((n) => this.#one(n)).sort((a, b) => a - b);
  }

  #one(n: number): number {
    return this.#first.get(n) ?? n;
  }
}

/** All events of a match. */
export function eventsOf(match: ByName): readonly number[] {
  return Object.values(match).flat();
}
