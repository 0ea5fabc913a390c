// Entry of a slot's worker thread: one job attempt in one slot, then the thread ends.
import { parentPort, workerData } from 'node:worker_threads';
import { MillraceError, classify, invariant, isMillraceError, toWireError } from '@millrace/common';
import type { SlotReportBody, SlotRuntime } from '@millrace/runtime';
import { obeyInstruction } from '../slot/obey-instruction.ts';
import type { SlotInstruction } from '../task-executor/task-executor-messages.ts';
import { postingLogger } from './posting-logger.ts';
import type { ExchangeSetup, FromWorker, StartSlot, ToWorker, WorkerSetup } from './thread-messages.ts';

const port = parentPort;
invariant(port !== null, 'the slot worker must run in a worker thread');
const setup = workerData as WorkerSetup;
const post = (message: FromWorker): void => port.postMessage(message);

/** Set once the slot runs; instructions that come before wait here. */
let runtime: SlotRuntime | undefined;
const early: SlotInstruction[] = [];

process.on('uncaughtException', (error) => reportFailure(outsideOfOperators(error)));
process.on('unhandledRejection', (error) => reportFailure(outsideOfOperators(error)));

// gRPC is loaded where it is used only: embedded slots have no sockets.
const exchange = setup.exchange === undefined ? undefined : await openServer(setup.exchange);
port.on('message', onMessage);
post({ kind: 'ready', dataAddress: exchange?.server.address ?? '' });
// The engine is imported while the worker waits: the TaskManager registers the sooner.
const engine = import('./run-slot.ts');

/** How often a worker says what it takes. */
const MEMORY_INTERVAL_MS = 1_000;
setInterval(reportMemory, MEMORY_INTERVAL_MS).unref();

function reportMemory(): void {
  const { heapTotal: heapBytes, external: externalBytes } = process.memoryUsage();
  post({ kind: 'memory', heapBytes, externalBytes });
}

async function openServer(options: ExchangeSetup) {
  const { DataExchangeServer } = await import('../exchange/data-exchange-server.ts');
  const { token, identity, silenceMs } = options;
  return { server: await DataExchangeServer.open(options), token, identity, silenceMs };
}

function onMessage(message: ToWorker): void {
  if (message.kind === 'measure') reportMemory();
  else if (message.kind === 'start') start(message).catch(reportFailure);
  else if (runtime !== undefined) obeyInstruction(runtime, message.instruction, reportEnded);
  // What is still being loaded may be left alone: it ends with the thread.
  else if (message.instruction.kind === 'cancel') reportEnded();
  else early.push(message.instruction);
}

async function start(message: StartSlot): Promise<void> {
  const { jobId, attemptNumber, slotIndex } = message.deployment;
  const log = postingLogger(post, setup.isDebugLogged, { jobId, attempt: attemptNumber, slotIndex });
  const { runSlot } = await engine;
  runtime = await runSlot(message, { exchange, log, report, memoryBytes: setup.memoryBytes });
  for (const instruction of early.splice(0)) obeyInstruction(runtime, instruction, reportEnded);
}

function report(body: SlotReportBody): void {
  if (body.kind === 'checkpoint-acknowledged') post({ kind: 'report-text', text: JSON.stringify(body) });
  else post({ kind: 'report', report: body });
  if (body.kind === 'slot-prepared') reportEnded(); // Preparing is all that this attempt was for.
}

/** What hears of it terminates this thread: no call may come in any more. */
function reportEnded(): void {
  const end = (): void => post({ kind: 'report', report: { kind: 'slot-ended' } });
  if (exchange === undefined) end();
  else void exchange.server.closed().finally(end);
}

function reportFailure(error: unknown): void {
  report({ kind: 'slot-failed', error: toWireError(classify(error)) });
}

/** An error that nothing caught is the user's unless it is one of ours. */
function outsideOfOperators(error: unknown): MillraceError {
  if (isMillraceError(error)) return error;
  const message = error instanceof Error ? error.message : String(error);
  const wrapped = new MillraceError(
    'MR_USER_FUNCTION',
    `Uncaught error outside of any operator: ${message}`,
    { cause: error },
  );
  if (error instanceof Error && error.stack !== undefined) wrapped.stack = error.stack;
  return wrapped;
}
