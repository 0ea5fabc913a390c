// What a keyed stream has of a plain one: functions of each record, called where the record's key is.
import { test } from 'vitest';
import type { DataStream } from '@millrace/api';
import { record, verifyOperator } from './verify-operator.ts';

interface Reading {
  readonly key: string;
  readonly value: number;
}

const byKey = (input: DataStream<Reading>) => input.keyBy(({ key }) => key);

const given = [
  record({ key: 'a', value: 1 }),
  record({ key: 'b', value: 2 }),
  record({ key: 'a', value: 3 }),
];

test('map of a keyed stream', async () => {
  await verifyOperator<Reading>((input) => byKey(input).map(({ key, value }) => `${key}${value}`))
    .input(...given)
    .expect(record('a1'), record('b2'), record('a3'))
    .survivesRestoreAtEveryStep({ parallelism: [1, 2] });
});

test('filter of a keyed stream', async () => {
  await verifyOperator<Reading>((input) => byKey(input).filter(({ value }) => value > 1))
    .input(...given)
    .expect(record({ key: 'b', value: 2 }), record({ key: 'a', value: 3 }))
    .holds({ parallelism: [1, 2] });
});

test('flatMap of a keyed stream', async () => {
  await verifyOperator<Reading>((input) => byKey(input).flatMap(({ key, value }) => [key, value]))
    .input(...given)
    .expect(record('a'), record(1), record('b'), record(2), record('a'), record(3))
    .holds({ parallelism: [1, 2] });
});
