// What a chain that emits without bound does when there is no credit.
import { describe, expect, test } from 'vitest';
import { EMITTED_PER_LOOK, Emission, type EmissionTarget } from './emission.ts';

function gathered(): { readonly emitted: unknown[]; readonly target: EmissionTarget } {
  const emitted: unknown[] = [];
  const onError = (error: unknown): void => {
    throw error;
  };
  const target = { timestampMs: 1, emit: (result: unknown) => emitted.push(result), onError };
  return { emitted, target };
}

describe('An emission', () => {
  test('pulls no more from an endless iterator than fits between two looks, and goes on where it stopped', () => {
    const emission = new Emission({ hasCredit: () => false, freezesRecords: false });
    const { emitted, target } = gathered();
    let pulled = 0;
    emission.emitAll(
      (function* () {
        for (;;) yield pulled++;
      })(),
      target,
    );
    expect(emission.isStopped).toBe(true);
    expect(pulled).toBe(EMITTED_PER_LOOK);
    expect(emission.resume()).toBe(false);
    expect(pulled).toBe(2 * EMITTED_PER_LOOK);
    expect(emitted).toEqual(Array.from({ length: 2 * EMITTED_PER_LOOK }, (_, index) => index));
  });

  test('goes on with the results of the inner function before those of the outer', () => {
    const emission = new Emission({ hasCredit: () => false, freezesRecords: false });
    const { emitted, target } = gathered();
    const results = (from: number): number[] => Array.from({ length: 300 }, (_, index) => from + index);
    const outer = { ...target, emit: (from: unknown) => emission.emitAll(results(from as number), target) };
    emission.emitAll([0, 300, 600], outer);
    let stops = 1;
    while (!emission.resume()) stops++;
    expect(emitted).toEqual(results(0).concat(results(300), results(600)));
    expect(stops).toBeGreaterThanOrEqual(6);
  });

  test('stops when state needs relief, though there is credit', () => {
    const emission = new Emission({ hasCredit: () => true, freezesRecords: false });
    const { emitted, target } = gathered();
    emission.needsRelief = () => emitted.length >= 1000;
    emission.emitAll(new Array<number>(5000).fill(1), target);
    expect(emission.isStopped).toBe(true);
    expect(emitted.length).toBeLessThan(1000 + EMITTED_PER_LOOK);
  });

  test('lets go of an iterator that is not resumed any more', () => {
    const emission = new Emission({ hasCredit: () => false, freezesRecords: false });
    let isLeft = false;
    emission.emitAll(
      (function* () {
        try {
          for (;;) yield 1;
        } finally {
          isLeft = true;
        }
      })(),
      gathered().target,
    );
    emission.close();
    expect(isLeft).toBe(true);
  });
});
