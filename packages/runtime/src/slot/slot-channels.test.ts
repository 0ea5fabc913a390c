// Channels of a slot whose deployment leaves their other ends out.
import { asJobId } from '@millrace/common';
import type { ChannelDescriptor, SlotDeployment } from '@millrace/proto';
import { expect, test } from 'vitest';
import { SlotChannels } from './slot-channels.ts';
import { sourceToSink, testSource } from './test-source.testing.ts';

/** The first vertex of a job with an edge, deployed alone: the consumer behind its local channel is not there. */
function channelsOf(mode: SlotDeployment['mode']) {
  const { graph, vertices, edges } = sourceToSink(testSource({ splits: [] }), { source: 1, sink: 1 });
  const [vertex] = vertices;
  const edge = edges.find(({ fromVertex }) => fromVertex === vertex?.vertexId);
  if (vertex === undefined || edge === undefined) throw new Error('no edge');
  const slot = { taskManagerId: 'tm', slotIndex: 0, dataAddress: '' };
  const channel: ChannelDescriptor = {
    edgeId: edge.edgeId,
    producerSubtask: 0,
    consumerSubtask: 0,
    producer: slot,
    consumer: slot,
  };
  const subtask = {
    vertex,
    subtaskIndex: 0,
    executionAttemptId: 'v-0-1' as never,
    inputEdges: [],
    outputEdges: [edge],
    inputChannels: [],
    outputChannels: [channel],
    restore: [],
  };
  const deployment = {
    jobId: asJobId('1'.repeat(32)),
    attemptNumber: 1,
    mode,
    options: graph.options,
    subtasks: [subtask],
  } as unknown as SlotDeployment;
  const channels = new SlotChannels({
    deployment,
    network: {
      openSender: () => ({ isWithinProcess: false, send: () => undefined, close: () => undefined }),
      openReceiver: () => ({ isWithinProcess: false, sendUpstream: () => undefined, close: () => undefined }),
    },
    wake: () => undefined,
    fail: () => undefined,
  });
  return () => channels.outputsOf(subtask, edge.edgeId);
}

test('SlotChannels of mode commit give a sink that also feeds others its outputs, although those are not deployed', () => {
  expect(channelsOf('commit')()).toHaveLength(1);
  expect(channelsOf('run')).toThrow('the consumer of a local channel is not in this slot');
});
