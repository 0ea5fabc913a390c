// Sinks: a writer in the loop, and a committer driven by checkpoints.
import { classify, invariant, MillraceError } from '@millrace/common';
import type { Committer, OperatorState, Sink, SinkContext, SinkWriter } from '@millrace/api';
import type { Json } from '@millrace/proto';
import type { ChainOperator, ChainStage, FrozenOperator } from './chain-stage.ts';
import type { OperatorSetup } from './operator-setup.ts';
import { SubtaskState } from './operator-state/subtask-state.ts';

/** Committables of one checkpoint that are not committed yet. */
interface PendingCommit {
  readonly checkpointId: number;
  readonly committables: Promise<readonly Json[]>;
}

/** Checkpoints that may wait for their commit at most; each waits for its completion, so that this shows a lost message. */
const PENDING_COMMITS_MAX = 10_000;

/**
 * Opens a sink: commits again what the restored checkpoint had pending, then opens the writer (not with mode `commit`).
 * @throws {MillraceError} MR_SINK_COMMIT when the committer fails
 */
export async function openSinkOperator(setup: OperatorSetup, sink: Sink<unknown>): Promise<ChainOperator> {
  const { environment } = setup;
  const state = new SubtaskState(setup, {});
  const context: SinkContext = {
    files: environment.files,
    baseDirectory: environment.deployment.submission.baseDirectory,
    jobName: environment.deployment.jobName,
    subtaskIndex: environment.subtaskIndex,
    parallelism: environment.vertex.parallelism,
    runId: environment.deployment.runId,
    operatorUid: setup.node.uid,
    attemptNumber: environment.deployment.attemptNumber,
    operatorState: state.lists as OperatorState,
  };
  const restored = setup.restoredInline.flatMap((state) => restoredCommittables(state));
  const committer = (await sink.openCommitter?.(context)) ?? undefined;
  if (committer !== undefined && restored.length > 0) await commitOrExplain(setup, committer, restored);
  const writer =
    environment.deployment.mode === 'commit'
      ? undefined
      : await openWriterOrExplain(setup, sink, context, restored);
  return new SinkOperator(setup, { writer, committer, state });
}

async function openWriterOrExplain(
  setup: OperatorSetup,
  sink: Sink<unknown>,
  context: SinkContext,
  restored: readonly Json[],
): Promise<SinkWriter<unknown>> {
  try {
    return await sink.openWriter(context, restored);
  } catch (error) {
    throw setup.sites.wrap(error, setup.sites.register(setup.node, 'sink'));
  }
}

async function commitOrExplain(
  setup: OperatorSetup,
  committer: Committer,
  committables: readonly Json[],
): Promise<void> {
  try {
    await committer.commit(committables);
  } catch (error) {
    const classified = classify(error);
    if (classified.code !== 'MR_INTERNAL') throw classified;
    throw new MillraceError(
      'MR_SINK_COMMIT',
      `Cannot commit ${committables.length} transactions of sink "${setup.node.name}" (uid "${setup.node.uid}"): ${classified.message}`,
      {
        details: { operator: setup.node.name, uid: setup.node.uid },
        cause: error,
      },
    );
  }
}

function restoredCommittables(state: { readonly [field: string]: Json }): readonly Json[] {
  const pending = state['pending'];
  if (!Array.isArray(pending)) return [];
  return pending.flatMap((entry: { readonly committables: readonly Json[] }) => entry.committables);
}

class SinkOperator implements ChainOperator {
  readonly node;
  readonly stage: ChainStage;
  readonly #setup: OperatorSetup;
  readonly #writer: SinkWriter<unknown> | undefined;
  readonly #committer: Committer | undefined;
  readonly #state: SubtaskState;
  readonly #site: number;
  #pending: PendingCommit[] = [];
  /** What a transaction could not be sealed for: what was written to it is in no other. */
  #sealFailure: MillraceError | undefined;

  constructor(
    setup: OperatorSetup,
    opened: {
      readonly writer: SinkWriter<unknown> | undefined;
      readonly committer: Committer | undefined;
      readonly state: SubtaskState;
    },
  ) {
    this.node = setup.node;
    this.#setup = setup;
    this.#writer = opened.writer;
    this.#committer = opened.committer;
    this.#state = opened.state;
    this.#site = setup.sites.register(setup.node, 'sink');
    const { writer } = opened;
    this.stage = {
      kind: 'sink',
      emit: (body) =>
        body.attempt({
          names: [],
          make: () =>
            `${body.at(this.#site)} out++; ${body.unit.bind(writer, 'writer')}.write(${body.record.whole()}, ${body.timestampMs});`,
          goOn: () => '',
        }),
    };
  }

  endBatch(): void {
    try {
      this.#writer?.flush?.();
    } catch (error) {
      throw this.#setup.sites.wrap(error, this.#site);
    }
  }

  /** @throws {MillraceError} when an earlier transaction could not be sealed: only a restart writes its records again */
  freeze(checkpointId: number): FrozenOperator {
    if (this.#sealFailure !== undefined) throw this.#sealFailure;
    const state = this.#snapshot(checkpointId);
    const prepared = this.#prepare(checkpointId);
    if (this.#committer !== undefined) {
      invariant(this.#pending.length < PENDING_COMMITS_MAX, 'commits of a sink pile up');
      this.#pending.push({ checkpointId, committables: prepared });
    }
    const waiting = [...this.#pending];
    return {
      write: async () => {
        await prepared;
        if (this.#committer === undefined && state === undefined) return { keyedFiles: [], newBytes: 0 };
        const pending: Json[] = [];
        for (const entry of waiting) {
          const committables = await entry.committables;
          if (committables.length > 0) pending.push({ checkpointId: entry.checkpointId, committables });
        }
        return {
          keyedFiles: [],
          newBytes: 0,
          inline: { subtaskIndex: this.#setup.environment.subtaskIndex, pending, ...state },
        };
      },
    };
  }

  /** Its lists as they are now; undefined: it has none. */
  #snapshot(checkpointId: number): { readonly [field: string]: Json } | undefined {
    try {
      this.#writer?.snapshot?.(checkpointId);
    } catch (error) {
      throw this.#setup.sites.wrap(error, this.#site);
    }
    return this.#state.snapshot();
  }

  #prepare(checkpointId: number): Promise<readonly Json[]> {
    if (this.#writer === undefined) return Promise.resolve([]);
    try {
      // Called now: what is sealed is what came before the barrier. Its failure is seen by whoever writes the snapshot.
      const prepared = Promise.resolve(this.#writer.prepareCommit(checkpointId)).catch((error: unknown) => {
        this.#sealFailure = this.#setup.sites.describe(error, this.#site);
        throw this.#sealFailure;
      });
      prepared.catch(() => undefined);
      return prepared;
    } catch (error) {
      throw this.#setup.sites.wrap(error, this.#site);
    }
  }

  async commit(checkpointId: number): Promise<void> {
    if (this.#committer === undefined) return;
    const due = this.#pending.filter((entry) => entry.checkpointId <= checkpointId);
    const committables: Json[] = [];
    for (const entry of due) committables.push(...(await entry.committables));
    if (committables.length > 0) await commitOrExplain(this.#setup, this.#committer, committables);
    this.#pending = this.#pending.filter((entry) => entry.checkpointId > checkpointId);
  }

  async close(): Promise<void> {
    await this.#writer?.close();
  }
}
