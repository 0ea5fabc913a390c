// From a deployment to a running slot, in the worker thread. Loaded while the worker waits for its deployment.
import { join } from 'node:path';
import { getHeapStatistics } from 'node:v8';
import { invariant, type Logger } from '@millrace/common';
import {
  DirectoryBlobStore,
  nodeFilePort,
  realClock,
  realRandom,
  realTimers,
  type TlsIdentity,
} from '@millrace/common/node';
import { openOperatorChain, SlotRuntime, type SlotPorts, type SlotReportBody } from '@millrace/runtime';
import { openLevelDbStore } from '@millrace/state/leveldb';
import { ChannelExchange } from '../exchange/channel-exchange.ts';
import type { DataExchangeServer } from '../exchange/data-exchange-server.ts';
import type { Link } from '../exchange/link.ts';
import { portLink } from '../exchange/port-link.ts';
import { loadGraph } from './load-job.ts';
import { stateMemoryOfSlot } from './state-memory.ts';
import { setProcessGlobals } from './submission-globals.ts';
import type { StartSlot } from './thread-messages.ts';

export interface SlotSurroundings {
  /** Cluster mode: this slot's server, and what opens links to those of other processes. */
  readonly exchange:
    | {
        readonly server: DataExchangeServer;
        readonly token: string;
        readonly identity: TlsIdentity | undefined;
        readonly silenceMs: number | undefined;
      }
    | undefined;
  readonly log: Logger;
  readonly report: (body: SlotReportBody) => void;
  /** The slot's share of the process's memory. */
  readonly memoryBytes: number;
}

/**
 * Loads the job, connects and starts.
 * @throws {MillraceError} whatever stands in the way; nothing was reported then
 */
export async function runSlot(message: StartSlot, surroundings: SlotSurroundings): Promise<SlotRuntime> {
  const { deployment } = message;
  const network = await openNetwork(message, surroundings.exchange);
  setProcessGlobals(deployment.submission, join(message.artifactDirectory, deployment.artifact.entry));
  const graph = await loadGraph(deployment, message.artifactDirectory);
  const ports: SlotPorts = {
    clock: realClock,
    timers: realTimers,
    random: realRandom,
    log: surroundings.log,
    blobStore: new DirectoryBlobStore(deployment.checkpointDirectory),
    openKeyValueStore: (name) =>
      openLevelDbStore({ directory: join(message.stateDirectory, encodeURIComponent(name)) }),
    files: nodeFilePort,
    network,
    report: surroundings.report,
  };
  const { memoryBytes } = surroundings;
  const heapBytesMax = getHeapStatistics().heap_size_limit;
  const stateMemory = stateMemoryOfSlot({ memoryBytes, heapBytesMax });
  return SlotRuntime.open({
    deployment,
    graph,
    ports,
    openChain: (environment) => openOperatorChain({ ...environment, stateMemory }),
  });
}

async function openNetwork(
  message: StartSlot,
  clustered: SlotSurroundings['exchange'],
): Promise<ChannelExchange> {
  const { deployment, links, taskManagerId } = message;
  const { jobId, attemptNumber, linkSecret } = deployment;
  const consuming = new Map<number, Link>();
  for (const link of links)
    if (link.peerRole === 'producer') consuming.set(link.peerSlotIndex, portLink(link.port));
  const grpc = clustered === undefined ? undefined : await import('../exchange/grpc-link.ts');
  const exchange = new ChannelExchange({
    timers: realTimers,
    connect: (producer) => {
      const local = producer.taskManagerId === taskManagerId ? consuming.get(producer.slotIndex) : undefined;
      if (local !== undefined) return local;
      invariant(
        grpc !== undefined && clustered !== undefined,
        'a slot of another process without a data exchange',
      );
      const { token, identity, silenceMs } = clustered;
      const request = { token, jobId, attemptNumber, linkSecret };
      const address = producer.dataAddress;
      return grpc.openGrpcLink({ address, request, identity, timers: realTimers, silenceMs });
    },
  });
  for (const link of links) if (link.peerRole === 'consumer') exchange.accept(portLink(link.port));
  clustered?.server.serve({ jobId, attemptNumber, linkSecret }, (link) => exchange.accept(link));
  return exchange;
}
