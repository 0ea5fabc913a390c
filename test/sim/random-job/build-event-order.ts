// Steps of random jobs that take records in the order of their event time, in operators of the engine.
import { type DataStream } from '@millrace/api';
import type { SimHooks } from '@millrace/testing';
import {
  firstRecord,
  inOrder,
  isEnd,
  isStart,
  matchedRecord,
  withVersion,
  type PatternSpec,
} from './event-order.ts';
import type { Rec } from './job-spec.ts';

export function matchPattern(
  id: number,
  { contiguity, withinMs }: PatternSpec,
  input: DataStream<Rec>,
  hooks: SimHooks,
): DataStream<Rec> {
  return input
    .keyBy((record) => record.key)
    .pattern(
      (begin) => {
        const first = begin('first', isStart);
        const both = contiguity === 'next' ? first.next('second', isEnd) : first.followedBy('second', isEnd);
        return withinMs === undefined ? both : both.within(withinMs);
      },
      { compare: inOrder },
    )
    .select(({ first, second }) => {
      hooks.userCall();
      return matchedRecord(id, first, second);
    });
}

export function firstOfKey(id: number, input: DataStream<Rec>): DataStream<Rec> {
  return input
    .keyBy((record) => record.key)
    .deduplicate({ time: 'event' })
    .uid(`first-${id}`)
    .map((record) => firstRecord(id, record));
}

export function joinVersions(
  { id, joinType }: { readonly id: number; readonly joinType: 'inner' | 'left' },
  [records, table]: readonly [DataStream<Rec>, DataStream<Rec>],
  hooks: SimHooks,
): DataStream<Rec> {
  return records.temporalJoin(table, {
    recordKey: (record) => record.key,
    tableKey: (row) => row.key,
    type: joinType as 'left',
    select: (record, row) => {
      hooks.userCall();
      return withVersion(id, record, row?.ts);
    },
  });
}
