import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { MillraceError } from '@millrace/common';
import { describeError } from './show-error.ts';

test('an error is shown with the frames of the user alone, also those of arrow functions and of folders named as ours', () => {
  const engine = fileURLToPath(new URL('../../../', import.meta.url));
  const cause = new Error('no delay');
  cause.stack = [
    'Error: no delay',
    '    at <anonymous> (/home/me/packages/etl/src/job.ts:5:24)',
    '    at Array.map (<anonymous>)',
    '    at eval (eval at compile (/home/me/x.ts:1:1), <anonymous>:3:5)',
    `    at runBatch (${engine}runtime/src/chain.ts:1:1)`,
    '    at load (/home/me/node_modules/csv/index.js:1:1)',
    '    at node:internal/main:1:1',
    '    at async file:///home/me/main.ts:7:1',
  ].join('\n');
  const error = new MillraceError('MR_USER_FUNCTION', 'Operator "map" failed', { cause });
  expect(describeError(error).slice(0, 4)).toEqual([
    'MR_USER_FUNCTION: Operator "map" failed',
    '  caused by Error: no delay',
    '    at <anonymous> (/home/me/packages/etl/src/job.ts:5:24)',
    '    at async file:///home/me/main.ts:7:1',
  ]);
});
