import { EventEmitter } from 'node:events';
import { expect, test } from 'vitest';
import { exitWhenPipeCloses } from './closed-pipe.ts';

function streamError(code: string): Error {
  return Object.assign(new Error(`write ${code}`), { code });
}

test('exitWhenPipeCloses ends the command like SIGPIPE when its reader is gone', () => {
  const stream = new EventEmitter();
  const exitCodes: number[] = [];
  exitWhenPipeCloses(stream, (exitCode) => exitCodes.push(exitCode));

  stream.emit('error', streamError('EPIPE'));

  expect(exitCodes).toEqual([141]);
});

test('exitWhenPipeCloses throws what is not a closed pipe', () => {
  const stream = new EventEmitter();
  exitWhenPipeCloses(stream, () => undefined);

  expect(() => stream.emit('error', streamError('EIO'))).toThrow('write EIO');
});
