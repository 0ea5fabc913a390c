import { expect, test } from 'vitest';
import { classify, fromWireError, isMillraceError, MillraceError, toWireError } from './millrace-error.ts';

test('an error crosses a thread as plain data with code, verdict, details and causes', () => {
  const cause = new TypeError('x is not a function');
  const error = new MillraceError('MR_USER_FUNCTION', 'Operator "map" threw', {
    details: { subtask: 3 },
    cause,
  });
  const arrived = fromWireError(structuredClone(toWireError(error)));
  expect(arrived).toMatchObject({
    code: 'MR_USER_FUNCTION',
    fault: 'user',
    retry: 'backoff',
    details: { subtask: 3 },
  });
  expect(arrived.cause).toMatchObject({
    code: 'MR_INTERNAL',
    message: 'TypeError: x is not a function',
    stack: cause.stack,
  });
});

test('whatever is thrown is classified, and classification never throws', () => {
  const hostile = {
    toString: () => {
      throw new Error('no');
    },
  };
  for (const thrown of [undefined, null, 'text', 7, Symbol('s'), {}, hostile, new Error('e')]) {
    expect(classify(thrown)).toMatchObject({ code: 'MR_INTERNAL', fault: 'internal', retry: 'backoff' });
  }
});

test('an error of another copy of the package is recognised by its brand', () => {
  const foreign = Object.assign(new Error('elsewhere'), {
    [Symbol.for('millrace.error')]: true,
    code: 'MR_IO',
  });
  expect(isMillraceError(foreign)).toBe(true);
  expect(isMillraceError(new Error('plain'))).toBe(false);
});

test('a cycle of causes ends', () => {
  const first: { cause?: unknown } & Error = new Error('first');
  first.cause = new Error('second', { cause: first });
  expect(JSON.stringify(toWireError(first)).length).toBeLessThan(20_000);
});
