import { expect, test } from 'vitest';
import { restoreLines } from './restore-table.ts';

test('a restore shows operator by operator what became of its state', () => {
  const report = {
    path: '/savepoints/savepoint-3f2a9c0d-1-7',
    jobName: 'flight-delays',
    checkpointId: 7,
    isSavepoint: true,
    isDrained: false,
    operators: [
      { uid: 'flights', oldName: 'flights', name: 'flights', from: 4, to: 2, state: ['splits'], bytes: 0 },
      { uid: 'w', oldName: 'window', name: 'delays', from: 4, to: 2, state: ['value window'], bytes: 2048 },
      { uid: 'p', oldName: '', name: 'print', from: 0, to: 2, state: [], bytes: 0 },
      { uid: 'old', oldName: 'top', name: '', from: 1, to: 0, state: ['list best'], bytes: 10 },
    ],
  };
  expect(restoreLines(report)).toEqual([
    'Starts from savepoint 7 of job flight-delays, /savepoints/savepoint-3f2a9c0d-1-7; nothing there is changed',
    '  Operator  Uid      State            Size  Parallelism',
    '  ────────  ───────  ────────────  ───────  ────────────',
    '  flights   flights  splits              -  4 → 2',
    '  delays    w        value window  2.0 KiB  4 → 2',
    '  print     p        -                   -  new → 2',
    '  top       old      list best        10 B  1 → given up',
  ]);
  expect(restoreLines({ ...report, isDrained: true }).at(-1)).toMatch(/^It was drained/);
});
