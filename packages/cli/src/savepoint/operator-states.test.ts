import { encodeValueV1 } from '@millrace/proto';
import { expect, test } from 'vitest';
import { operatorStates } from './operator-states.ts';

test('lists of all subtasks and broadcast states are counted, and their entries decoded', () => {
  const date = { $bytes: Buffer.from(encodeValueV1(new Date(5))).toString('base64') };
  const of = (inline: object) => ({ nodeId: 1, uid: 'a', keyedFiles: [], inline: inline as never });
  const states = operatorStates(
    [
      of({
        subtaskIndex: 0,
        parallelism: 2,
        lists: { seen: [1, date] },
        broadcast: { rules: [['r', { limit: 3 }]] },
      }),
      of({ subtaskIndex: 1, parallelism: 2, lists: { seen: [3] }, unions: { all: [] } }),
      of({ pending: [] }),
    ],
    2,
  );
  expect(states.map(({ name, kind, entryCount, samples }) => ({ name, kind, entryCount, samples }))).toEqual([
    {
      name: 'seen',
      kind: 'operator-list',
      entryCount: 3,
      samples: [
        { key: null, value: 1 },
        { key: null, value: new Date(5) },
      ],
    },
    { name: 'rules', kind: 'broadcast', entryCount: 1, samples: [{ key: 'r', value: { limit: 3 } }] },
    { name: 'all', kind: 'union-list', entryCount: 0, samples: [] },
  ]);
});
