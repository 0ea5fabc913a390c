import { hashKey } from '@millrace/common';
import { expect, test, vi } from 'vitest';
import { Emission } from '../../chain/emission.ts';
import { openTestBackend } from '../backend.testing.ts';
import { EventSorter } from './event-sorter.ts';
import { PatternStates } from './pattern-states.ts';

test('a key whose queue is never empty is looked at once for each event, however often early ones came', async () => {
  const backend = await openTestBackend();
  const states = new PatternStates(backend, false);
  const emission = new Emission({ hasCredit: () => true, freezesRecords: false });
  const sorter = new EventSorter({ backend, states, emission, compare: undefined });
  const taken: number[] = [];
  const add = (timestampMs: number): void => {
    backend.setCurrentKey('k', hashKey('k'));
    sorter.add(timestampMs, timestampMs);
  };
  const looks = vi.spyOn(states, 'queue');
  for (let ms = 0; ms < 3_000; ms += 10) {
    add(ms + 1_000);
    sorter.store();
    if (ms < 1_000) add(ms);
    looks.mockClear();
    sorter.advance(ms, (_, timestampMs) => taken.push(timestampMs));
  }
  expect(looks.mock.calls.length).toBeLessThan(5);
  expect(taken).toEqual(Array.from({ length: 300 }, (_, index) => index * 10));
});
