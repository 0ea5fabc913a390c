import type { WireError } from '@millrace/common';
import { RESOURCE_MANAGER_SERVICE, type SlotDeployment, type AddressedMessage } from '@millrace/proto';
import { expect, test } from 'vitest';
import { keyedGraph } from '../test-kit/graphs.testing.ts';
import { ScriptedCluster } from '../test-kit/scripted-cluster.testing.ts';
import { TASK_MANAGER_WAITING_BYTES_MAX, TaskManagerOutbox } from './task-manager-outbox.ts';

/** A deployment whose first subtask restores `characters` of inline state. */
function deploymentOf(characters: number): SlotDeployment {
  const cluster = new ScriptedCluster();
  cluster.connect('a', 1);
  cluster.submit(keyedGraph());
  cluster.runAll();
  const [slot] = cluster.slots.values();
  if (slot === undefined) throw new Error('no slot');
  const [subtask, ...others] = slot.deployment.subtasks;
  if (subtask === undefined) throw new Error('no subtask');
  const operators = [{ nodeId: 0, uid: 'orders', keyedFiles: [], inline: ['x'.repeat(characters)] }];
  const snapshot = { subtaskIndex: 0, parallelism: 1, watermarkMs: 0, operators, newBytes: 0, totalBytes: 0 };
  return { ...slot.deployment, subtasks: [{ ...subtask, restore: [snapshot] }, ...others] };
}

function outbox() {
  const sent: AddressedMessage['kind'][] = [];
  const waiting: (() => void)[] = [];
  const oversize: WireError[] = [];
  let givenUp = 0;
  const { responseSerialize, responseDeserialize } = RESOURCE_MANAGER_SERVICE.connect;
  const box = new TaskManagerOutbox({
    encode: responseSerialize,
    write: (bytes, onSent) => {
      sent.push(responseDeserialize(Buffer.from(bytes)).kind);
      waiting.push(onSent);
    },
    giveUp: () => givenUp++,
    onOversize: (_deployment, error) => oversize.push(error),
  });
  return { box, sent, waiting, oversize, givenUp: () => givenUp };
}

function deploy(deployment: SlotDeployment): AddressedMessage {
  return { kind: 'deploy', leaderEpoch: deployment.leaderEpoch, instanceId: 'i1', deployment };
}

test('TaskManagerOutbox does not send a deployment that is too large, and names what makes it so', () => {
  const { box, sent, oversize } = outbox();
  box.send(deploy(deploymentOf(33 * 1024 * 1024)));
  expect(sent).toEqual([]);
  expect(oversize.map(({ code, retry }) => [code, retry])).toEqual([['MR_UNSUPPORTED_VALUE', 'never']]);
  expect(oversize[0]?.message).toContain('most of it is what operator "orders" restores');
  box.send(deploy(deploymentOf(10)));
  expect(sent).toEqual(['deploy']);
});

test('TaskManagerOutbox gives a connection up whose TaskManager takes nothing', () => {
  const { box, sent, waiting, givenUp } = outbox();
  const large = deploy(deploymentOf(31 * 1024 * 1024));
  const fitting = Math.floor(TASK_MANAGER_WAITING_BYTES_MAX / (31 * 1024 * 1024 + 100_000));
  for (let count = 0; count < fitting; count++) box.send(large);
  for (const onSent of waiting.splice(0)) onSent();
  for (let count = 0; count < fitting; count++) box.send(large);
  expect(givenUp()).toBe(0);
  expect(sent.length).toBe(2 * fitting);
  box.send(large);
  expect(givenUp()).toBe(1);
});
