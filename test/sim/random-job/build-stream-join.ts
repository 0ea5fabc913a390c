// Joins of two streams of random jobs, in operators of the engine.
import { tumbling, type DataStream } from '@millrace/api';
import type { SimHooks } from '@millrace/testing';
import type { Rec } from './job-spec.ts';
import { isPair, joinedRecord, type StreamJoin } from './stream-join.ts';

export function joinStreams(
  { id, join }: { readonly id: number; readonly join: StreamJoin },
  [a, b]: readonly [DataStream<Rec>, DataStream<Rec>],
  hooks: SimHooks,
): DataStream<Rec> {
  const lefts = a.keyBy((record) => record.key);
  const rights = b.keyBy((record) => record.key);
  const options = {
    type: join.joinType,
    where: isPair,
    select: (left: Rec | undefined, right: Rec | undefined): Rec => {
      hooks.userCall();
      return joinedRecord(id, join, left, right);
    },
  };
  return join.how === 'window'
    ? lefts.join(rights, { ...options, window: tumbling(join.sizeMs) })
    : lefts.intervalJoin(rights, { ...options, lower: join.lowerMs, upper: join.upperMs });
}
