// Entry of a slot's worker thread: one job attempt in one slot, then the thread ends. Only here and in `start-…` files
// are real clocks, files and stores made.
import { join } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import { MillraceError, classify, invariant, isMillraceError, toWireError, type Logger } from '@millrace/common';
import { DirectoryBlobStore, nodeFilePort, realClock, realRandom, realTimers } from '@millrace/common/node';
import { SlotRuntime, type SlotPorts, type SlotReportBody } from '@millrace/runtime';
import { openLevelStore } from '@millrace/state/leveldb';
import { ChannelExchange } from '../exchange/channel-exchange.ts';
import type { DataExchangeServer } from '../exchange/data-exchange-server.ts';
import type { Link } from '../exchange/link.ts';
import { portLink } from '../exchange/port-link.ts';
import { obeyInstruction } from '../slot/obey-instruction.ts';
import type { SlotInstruction } from '../task-executor/task-executor-messages.ts';
import { loadGraph } from './load-job.ts';
import { setProcessGlobals } from './submission-globals.ts';
import type { FromWorker, LogLevel, StartSlot, ToWorker, WorkerSetup } from './thread-messages.ts';

const port = parentPort;
invariant(port !== null, 'the slot worker must run in a worker thread');
const setup = workerData as WorkerSetup;
const post = (message: FromWorker): void => port.postMessage(message);
const report = (body: SlotReportBody): void => post({ kind: 'report', report: body });

/** Set once the slot runs; instructions that come before wait here. */
let runtime: SlotRuntime | undefined;
const early: SlotInstruction[] = [];

for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
  process.on(event, (error: unknown) => fail(outsideOfOperators(error)));
}
// gRPC is loaded where it is used only: embedded slots have no sockets.
const server = setup.exchange === undefined ? undefined : await openServer(setup.exchange);
port.on('message', (message: ToWorker) => {
  if (message.kind === 'start') start(message).catch(fail);
  else if (runtime === undefined) obeyEarly(message.instruction);
  else obeyInstruction(runtime, message.instruction);
});
post({ kind: 'ready', dataAddress: server?.address ?? '' });

async function openServer(exchange: { readonly host: string; readonly token: string }): Promise<DataExchangeServer> {
  const { DataExchangeServer } = await import('../exchange/data-exchange-server.ts');
  return DataExchangeServer.open(exchange);
}

async function start(message: StartSlot): Promise<void> {
  const { deployment } = message;
  const network = await openNetwork(message);
  setProcessGlobals(deployment.submission, join(message.artifactDirectory, deployment.artifact.entry));
  const graph = await loadGraph(deployment, message.artifactDirectory);
  const ports: SlotPorts = {
    clock: realClock,
    timers: realTimers,
    random: realRandom,
    log: postingLogger({ jobId: deployment.jobId, slotIndex: deployment.slotIndex, attempt: deployment.attemptNumber }),
    blobStore: new DirectoryBlobStore(deployment.checkpointDirectory),
    openKeyValueStore: (name) => openLevelStore(join(message.stateDirectory, encodeURIComponent(name))),
    files: nodeFilePort,
    network,
    report,
  };
  runtime = await SlotRuntime.open({ deployment, graph, ports });
  for (const instruction of early.splice(0)) obeyInstruction(runtime, instruction);
}

async function openNetwork({ deployment, links, taskManagerId }: StartSlot): Promise<ChannelExchange> {
  const consuming = new Map<number, Link>();
  for (const link of links) if (link.peerRole === 'producer') consuming.set(link.peerSlotIndex, portLink(link.port));
  const { openGrpcLink } = setup.exchange === undefined ? { openGrpcLink: undefined } : await import('../exchange/grpc-link.ts');
  const exchange = new ChannelExchange({
    timers: realTimers,
    connect: (producer) => {
      const local = producer.taskManagerId === taskManagerId ? consuming.get(producer.slotIndex) : undefined;
      if (local !== undefined) return local;
      invariant(openGrpcLink !== undefined && setup.exchange !== undefined, 'a slot of another process without a data exchange');
      const { jobId, attemptNumber } = deployment;
      return openGrpcLink(producer.dataAddress, { token: setup.exchange.token, jobId, attemptNumber });
    },
  });
  for (const link of links) if (link.peerRole === 'consumer') exchange.accept(portLink(link.port));
  server?.serve(deployment.jobId, deployment.attemptNumber, (link) => exchange.accept(link));
  return exchange;
}

/** Nothing of the user's runs yet, or it is being loaded and may be left alone. */
function obeyEarly(instruction: SlotInstruction): void {
  if (instruction.kind === 'cancel') report({ kind: 'slot-ended' });
  else early.push(instruction);
}

function fail(error: unknown): void {
  report({ kind: 'slot-failed', error: toWireError(classify(error)) });
}

function outsideOfOperators(error: unknown): MillraceError {
  if (isMillraceError(error)) return error;
  const wrapped = new MillraceError('MR_USER_FUNCTION', `Uncaught error outside of any operator: ${error instanceof Error ? error.message : String(error)}`, {
    cause: error,
  });
  if (error instanceof Error && error.stack !== undefined) wrapped.stack = error.stack;
  return wrapped;
}

/** Log lines are written by the main thread, with the process's own logger. */
function postingLogger(context: Readonly<Record<string, unknown>>): Logger {
  const at = (level: LogLevel) => (message: string, fields: Readonly<Record<string, unknown>> = {}) =>
    post({ kind: 'log', level, message, fields: plainFields({ ...context, ...fields }) });
  return {
    error: at('error'),
    warn: at('warn'),
    info: at('info'),
    ...(setup.isDebugLogged ? { debug: at('debug') } : {}),
    withContext: (more) => postingLogger({ ...context, ...more }),
  };
}

/** Only what structured clone takes, and takes whole. */
function plainFields(fields: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => {
      if (value instanceof Error) return [name, toWireError(value)];
      return [name, typeof value === 'function' || typeof value === 'symbol' ? String(value) : value];
    }),
  );
}
