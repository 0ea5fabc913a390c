import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { MillraceError } from '@millrace/common';
import { describeError, errorPage } from './show-error.ts';

test('an error is shown with the frames of the user alone, also those of arrow functions and of folders named as ours', () => {
  const engine = fileURLToPath(new URL('../../../', import.meta.url));
  const cause = new Error('no delay');
  cause.stack = [
    'Error: no delay',
    '    at <anonymous> (/app/packages/etl/src/job.ts:5:24)',
    '    at Array.map (<anonymous>)',
    '    at async Promise.allSettled (index 1)',
    '    at eval (eval at compile (/app/x.ts:1:1), <anonymous>:3:5)',
    `    at runBatch (${engine}runtime/src/chain.ts:1:1)`,
    '    at load (/app/node_modules/csv/index.js:1:1)',
    '    at node:internal/main:1:1',
    '    at async file:///app/main.ts:7:1',
  ].join('\n');
  const error = new MillraceError('MR_USER_FUNCTION', 'Operator "map" failed', { cause });
  expect(describeError(error).slice(0, 4)).toEqual([
    'MR_USER_FUNCTION: Operator "map" failed',
    '  caused by Error: no delay',
    '    at <anonymous> (/app/packages/etl/src/job.ts:5:24)',
    '    at async file:///app/main.ts:7:1',
  ]);
});

test('a cause that the message has is not said again, but where it was thrown is', () => {
  const cause = new Error('no delay');
  cause.stack = 'Error: no delay\n    at <anonymous> (/app/job.ts:5:24)';
  const thrown = new MillraceError('MR_USER_FUNCTION', 'The map threw: Error: no delay', { cause });
  const error = new MillraceError('MR_RESTARTS_EXHAUSTED', `Cannot go on. Last: ${thrown.message}`, {
    cause: thrown,
  });
  expect(describeError(error).slice(0, -1)).toEqual([
    'MR_RESTARTS_EXHAUSTED: Cannot go on. Last: The map threw: Error: no delay',
    '    at <anonymous> (/app/job.ts:5:24)',
  ]);
});

test('the page about a code is named by a path that is there', () => {
  const checkout = fileURLToPath(new URL('../../../../', import.meta.url));
  expect(errorPage('MR_IO', checkout)).toBe('docs/errors/MR_IO.md');
  expect(errorPage('MR_IO', checkout + 'packages')).toBe(`${checkout}docs/errors/MR_IO.md`);
  expect(errorPage('MR_NO_SUCH_CODE')).toBeUndefined();
});
