// What Flink answers, by the automaton alone: events of one key, one after the other, time before each.
import { describe, expect, test } from 'vitest';
import { compilePattern } from '../../packages/runtime/src/operator/pattern/compile-pattern.ts';
import { copyMatchState, newMatchState } from '../../packages/runtime/src/operator/pattern/match-state.ts';
import { Matcher } from '../../packages/runtime/src/operator/pattern/matcher.ts';
import { buildPattern, byName, cepCases, eventsOf, Texts, type ByName, type CepCase } from './cep-cases.ts';

interface Answer {
  readonly matches: readonly ByName[];
  readonly timeouts: readonly { readonly match: ByName; readonly timeoutTs: number }[];
  readonly pending: number;
  readonly buffered: number;
}

function run(given: CepCase): Answer {
  let now = 0;
  const matcher = new Matcher(compilePattern(buildPattern(given).spec as never), {
    now: () => now,
    runsMax: 10_000,
    what: given.name,
  });
  const matches: ByName[] = [];
  const timeouts: { match: ByName; timeoutTs: number }[] = [];
  const output = {
    wantsTimedOut: true,
    matched: (match: object) => matches.push(byName(match)),
    timedOut: (match: object, timeoutTs: number) => timeouts.push({ match: byName(match), timeoutTs }),
  };
  let state = newMatchState(matcher.automaton.start.index);
  for (const event of given.events) {
    const ts = event.ts ?? event.n;
    now = event.processingTime ?? now;
    matcher.advance(state, ts, output);
    matcher.process(state, { event, timestampMs: ts }, output, () => state);
    // As a snapshot would have it.
    state = copyMatchState(structuredClone(state));
  }
  if (given.advanceTimeAfter !== undefined) matcher.advance(state, given.advanceTimeAfter, output);
  return {
    matches,
    timeouts,
    pending: state.runs.length - 1 + state.completed.length,
    buffered: state.entries.filter((entry) => entry !== null).length,
  };
}

describe.each(cepCases.filter(({ kind }) => kind === 'nfa'))('$name', (given) => {
  test('answers as Flink does', () => {
    if (given.expectedError !== undefined) {
      expect(() => run(given)).toThrow(/the match|first event/);
      return;
    }
    const { matches, timeouts, pending, buffered } = run(given);
    const texts = new Texts(given);
    if (given.expectedMatches !== null && given.expectedMatches !== undefined)
      expect(texts.events(matches.map(eventsOf))).toEqual(texts.events(given.expectedMatches));
    if (given.expectedMatchesByName !== undefined)
      expect(texts.names(matches)).toEqual(texts.names(given.expectedMatchesByName));
    if (given.expectedMatchCount !== undefined) expect(matches).toHaveLength(given.expectedMatchCount);
    if (given.expectedTimeouts !== undefined) {
      const timed = (list: Answer['timeouts']) =>
        list.map(({ match, timeoutTs }) => `${texts.name(match)} at ${timeoutTs}`).sort();
      expect(timed(timeouts)).toEqual(timed(given.expectedTimeouts));
    }
    if (given.pendingPartialMatches !== undefined) expect(pending).toBe(given.pendingPartialMatches);
    if (pending === 0) expect(buffered).toBe(0);
  });
});
