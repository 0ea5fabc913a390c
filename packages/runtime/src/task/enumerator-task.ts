// The task of an enumerator vertex: hands out a source's splits in order, and starts the barriers of its readers.
import { classify, isMillraceError, MillraceError, type ExecutionAttemptId } from '@millrace/common';
import type { ConnectorContext, Source, Split } from '@millrace/api';
import { stopsInput, type SubtaskMetrics } from '@millrace/proto';
import type { FrozenChain } from '../chain/operator-chain.ts';
import { lineOf } from '../chain/text-of.ts';
import {
  ElementKind,
  END_OF_INPUT,
  NO_MORE_SPLITS,
  type AssignedSplit,
  type ControlElement,
} from '../channel/channel-element.ts';
import type { OutputChannel } from '../channel/output-channel.ts';
import { jsonByteLength } from '../checkpoint/json-byte-length.ts';
import { SubtaskCheckpoints } from '../checkpoint/subtask-checkpoint.ts';
import { decodeEnumeratorState, encodeEnumeratorState, type EnumeratorState } from './enumerator-state.ts';
import { Progress } from './progress.ts';
import type { TaskContext } from './task-context.ts';
import type { CheckpointTrigger, Task } from './task.ts';

/** Splits of one source at most: they stand in each checkpoint until they are assigned. */
const SPLITS_MAX = 100_000;
/** Bytes of all splits of one source as JSON, for the same reason. */
const SPLITS_BYTES_MAX = 16 * 1024 * 1024;

export interface EnumeratorTaskOptions {
  readonly context: TaskContext;
  readonly source: Source<unknown>;
  readonly sourceNodeId: number;
  readonly sourceUid: string;
  readonly connectorContext: ConnectorContext;
  /** To the readers, in the order of their subtask indexes. */
  readonly channels: readonly OutputChannel[];
}

/**
 * Hands out splits.
 * Contract: a split is in this task's snapshot or its assignment was sent before the barrier, never both. Requests are
 * soft state: whoever has no split after a restore asks again. An unbounded source's splits are dealt out by ordinal.
 * Threading: the slot's thread.
 */
export class EnumeratorTask implements Task {
  readonly executionAttemptId: ExecutionAttemptId;
  readonly isReader: boolean = false;
  readonly hasPendingOutput: boolean = false;
  readonly #options: EnumeratorTaskOptions;
  readonly #context: TaskContext;
  readonly #checkpoints: SubtaskCheckpoints;
  /** undefined: not enumerated yet. */
  #state: EnumeratorState | undefined;
  #isEnumerating = false;
  #isAtEnd = false;
  #lastTriggeredId = 0;
  #lastAbortedId = 0;
  /** No split is handed out behind the barrier of this checkpoint, unless it is aborted; 0: they are. */
  #stoppedAtId = 0;
  /** Subtask indexes of the readers that wait, in the order in which they asked. */
  #requests: number[] = [];

  constructor(options: EnumeratorTaskOptions) {
    this.#options = options;
    this.#context = options.context;
    this.executionAttemptId = options.context.subtask.executionAttemptId;
    this.#checkpoints = new SubtaskCheckpoints(options.context);
    this.#state = decodeEnumeratorState(options.context.subtask.restore, options.sourceNodeId);
    options.channels.forEach((channel, reader) => {
      channel.onSplitRequest = () => this.#onRequest(reader);
    });
  }

  get expectsInput(): boolean {
    return this.#isEnumerating;
  }

  runOnce(): Progress {
    if (this.#stoppedAtId > 0) return Progress.Idle;
    if (this.#state === undefined) {
      if (this.#isEnumerating) return Progress.Idle;
      this.#enumerate();
      return Progress.Made;
    }
    if (this.#isAtEnd) return Progress.Idle;
    if (this.#state.remaining.length === 0) this.#end();
    else if (this.#requests.length === 0) return Progress.Idle;
    else this.#assignAll(this.#state);
    return Progress.Made;
  }

  flush(): void {
    // Assignments are sent at once.
  }

  dueInMs(): number {
    return Infinity;
  }

  triggerCheckpoint(trigger: CheckpointTrigger): void {
    const { checkpointId } = trigger;
    if (checkpointId <= this.#lastTriggeredId || checkpointId <= this.#lastAbortedId) return;
    this.#lastTriggeredId = checkpointId;
    if (stopsInput(trigger.mode)) this.#stoppedAtId = checkpointId;
    this.#broadcast({ kind: ElementKind.Barrier, ...trigger });
    this.#checkpoints.write({
      checkpointId,
      mode: trigger.mode,
      chain: this.#freeze(),
      watermarkMs: -Infinity,
      alignmentMs: 0,
      syncMs: 0,
    });
  }

  checkpointCompleted(): void {
    // Nothing is kept for a checkpoint.
  }

  checkpointAborted(checkpointId: number): void {
    this.#lastAbortedId = Math.max(this.#lastAbortedId, checkpointId);
    if (checkpointId >= this.#stoppedAtId) this.#stoppedAtId = 0;
    this.#checkpoints.abort(checkpointId);
  }

  async commit(): Promise<void> {
    // An enumerator has no transactions.
  }

  metrics(shares: { readonly busyShare: number; readonly backPressuredShare: number }): SubtaskMetrics {
    const { vertex, subtaskIndex } = this.#context.subtask;
    return {
      vertexId: vertex.vertexId,
      subtaskIndex,
      recordsIn: 0,
      recordsOut: 0,
      bytesOut: 0,
      ...shares,
      watermarkMs: null,
      dropped: {},
      inputRead: 0,
      inputTotal: this.#state?.weightTotal ?? 0,
      stateBytes: 0,
      stateEntries: 0,
    };
  }

  async close(): Promise<void> {
    // Nothing is open.
  }

  #onRequest(reader: number): void {
    if (!this.#requests.includes(reader)) this.#requests.push(reader);
  }

  #enumerate(): void {
    this.#isEnumerating = true;
    const onError = (error: unknown): void =>
      this.#context.fail(this.#enumerateError(error), this.executionAttemptId);
    try {
      const splits = this.#options.source.enumerate(this.#options.connectorContext);
      if (splits instanceof Promise)
        this.#context.mailbox.await(splits, (value) => this.#onEnumerated(value), onError);
      else this.#onEnumerated(splits);
    } catch (error) {
      throw this.#enumerateError(error);
    }
  }

  #onEnumerated(splits: readonly Split[]): void {
    const slip = slipIn(splits);
    if (slip !== undefined) throw this.#refusal(slip);
    if (splits.length > SPLITS_MAX)
      throw this.#refusal(`it has ${splits.length} splits, at most ${SPLITS_MAX} are allowed`);
    const bytes = jsonByteLength(splits);
    if (bytes > SPLITS_BYTES_MAX)
      throw this.#refusal(
        `its ${splits.length} splits take ${bytes} bytes of JSON, at most ${SPLITS_BYTES_MAX} are allowed; make them fewer, or what describes them shorter`,
      );
    let weightTotal = 0;
    for (const split of splits) weightTotal += split.weight ?? 0;
    this.#isEnumerating = false;
    this.#state = {
      remaining: splits.map((split, ordinal) => ({ ordinal, split })),
      splitCount: splits.length,
      weightTotal,
    };
    const { log } = this.#context.ports;
    log.info?.('splits enumerated', {
      source: this.#options.source.name,
      splitCount: splits.length,
      weightTotal,
    });
  }

  #assignAll(state: EnumeratorState): void {
    const requests = this.#requests;
    this.#requests = [];
    for (const reader of requests) {
      const index = this.#choose(state.remaining, reader);
      const split = state.remaining[index];
      if (split === undefined) {
        this.#options.channels[reader]?.sendControl(NO_MORE_SPLITS);
        continue;
      }
      state.remaining.splice(index, 1);
      this.#options.channels[reader]?.sendControl({ kind: ElementKind.Assignment, split });
    }
  }

  /** Index of the next split for a reader, or one where there is none; of an unbounded source only its own share, so that readers stay balanced. */
  #choose(remaining: readonly AssignedSplit[], reader: number): number {
    if (this.#options.source.boundedness === 'bounded') return 0;
    const readerCount = this.#options.channels.length;
    return remaining.findIndex(({ ordinal }) => ordinal % readerCount === reader);
  }

  #end(): void {
    this.#broadcast(NO_MORE_SPLITS);
    this.#broadcast(END_OF_INPUT);
    this.#isAtEnd = true;
    this.#context.reportMetrics();
    this.#context.ports.report({ kind: 'end-of-input', executionAttemptId: this.executionAttemptId });
  }

  #broadcast(element: ControlElement): void {
    for (const channel of this.#options.channels) channel.sendControl(element);
  }

  #freeze(): FrozenChain {
    const { sourceNodeId: nodeId, sourceUid: uid } = this.#options;
    const inline = encodeEnumeratorState(this.#state);
    return { write: async () => ({ operators: [{ nodeId, uid, keyedFiles: [], inline }], newBytes: 0 }) };
  }

  #refusal(what: string): MillraceError {
    const { name } = this.#options.source;
    return new MillraceError('MR_SOURCE_READ', `Cannot enumerate "${name}": ${what}`, {
      fault: 'user',
      retry: 'never',
    });
  }

  #enumerateError(error: unknown): MillraceError {
    if (isMillraceError(error)) return error;
    return new MillraceError(
      'MR_SOURCE_READ',
      `Cannot enumerate "${this.#options.source.name}": ${classify(error).message}`,
      { cause: error },
    );
  }
}

/** What is wrong with splits that a connector gives; undefined: nothing. */
function slipIn(splits: unknown): string | undefined {
  if (!Array.isArray(splits)) return `its splits are ${typeof splits}, not an array`;
  const ids = new Set<string>();
  for (const split of splits as readonly (Split | undefined)[]) {
    const id: unknown = split?.id;
    if (typeof id !== 'string' || id === '')
      return `a split has no \`id\`: ${lineOf(split, 100)}; write a text that no other split has`;
    if (ids.has(id)) return `two splits have the id "${id}"; give each its own`;
    ids.add(id);
  }
  return undefined;
}
