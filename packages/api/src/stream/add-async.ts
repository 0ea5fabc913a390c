// Adds an asynchronous operator behind a stream.
import { asyncSpec, type AsyncOptions } from '../function/async-function.ts';
import type { StreamOutlet } from '../graph/transformation.ts';
import type { DataStream } from './data-stream.ts';
import type { StreamScope } from './stream-scope.ts';

/** What a call of `mapAsync` or `flatMapAsync` was given. */
export interface AsyncCallGiven {
  readonly what: 'mapAsync' | 'flatMapAsync';
  readonly fn: unknown;
  readonly options: AsyncOptions<never> | undefined;
  readonly isKeyed: boolean;
}

/** @throws {MillraceError} MR_OPTION_INVALID */
export function addAsync<U>(scope: StreamScope, outlet: StreamOutlet, given: AsyncCallGiven): DataStream<U> {
  const { what, fn, options = {}, isKeyed } = given;
  const wait = asyncSpec(`${what}()`, { fn, options }, { params: scope.params, isKeyed });
  return scope.streamOf<U>(scope.builder.add({ kind: 'asyncWait', wait, isKeyed }, [outlet], what));
}
