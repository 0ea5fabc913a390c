// Which checkpoint a job goes on from: those that earlier leaders completed, one that the user named, or none; and what
// its subtasks restore from the newest.
import { fromWireError, toWireError, type JobId, type MillraceError, type WireError } from '@millrace/common';
import type { CheckpointReference, JobGraph, OutputLine } from '@millrace/proto';
import type { RestorePlan } from '../execution-graph/execution-graph.ts';
import { planRestore } from '../execution-graph/restore-plan.ts';
import type { CheckpointCoordinator } from './checkpoint-coordinator.ts';
import { readCheckpoint, readImportedCheckpoint } from './checkpoint-reading.ts';
import type { Effects } from './effects.ts';
import { withAdvice } from './older-checkpoints.ts';
import { countingAnew, printedAgain, printedFromStart } from './printed-again.ts';
import { filesOf } from './retained-checkpoints.ts';

/** What takes time asks again whether its answer is still wanted. */
export interface RecoveryAnswer<T> {
  isWanted(): boolean;
  done(value: T): void;
  failed(error: unknown): void;
}

interface CheckpointRecoveryOptions {
  readonly jobId: JobId;
  readonly jobGraph: JobGraph;
  /** The checkpoints that the pointer names, oldest first; undefined: there is no pointer. */
  readonly retained: readonly CheckpointReference[] | undefined;
  /** A checkpoint's directory that the user named. */
  readonly restoreFrom: string | undefined;
  /** State that finds no operator is given up. */
  readonly isNonRestoredStateAllowed: boolean | undefined;
  readonly effects: Effects;
  readonly coordinator: CheckpointCoordinator;
  readonly onOutput: (lines: readonly OutputLine[]) => void;
  /** Lines for which `stays` does not hold are printed again by what is restored. */
  readonly onRestore: (stays: (line: OutputLine) => boolean) => void;
  /** Some attempt had another parallelism: its lines have numbers that say nothing of those of others. */
  readonly hadOtherParallelism: () => boolean;
  /** What people have seen of the job's lines, the newest at least. */
  readonly printedLines: () => readonly OutputLine[];
}

/** Threading: inside `step` only. */
export class CheckpointRecovery {
  readonly #of: CheckpointRecoveryOptions;

  constructor(of: CheckpointRecoveryOptions) {
    this.#of = of;
  }

  /** Hands the coordinator the checkpoints that count. What an earlier failure interrupted is done anew. */
  recover(answer: RecoveryAnswer<void>): void {
    const { retained, restoreFrom, coordinator } = this.#of;
    if (coordinator.latest !== undefined) answer.done();
    else if (retained !== undefined) this.#adopt(retained, answer);
    else if (restoreFrom !== undefined) this.#import(restoreFrom, answer);
    else answer.done();
  }

  /**
   * Learns from their metadata which files the kept checkpoints need; the newest first, because without it nothing is
   * handed over: a later attempt to read must not find an older one in its place.
   */
  #adopt(references: readonly CheckpointReference[], answer: RecoveryAnswer<void>): void {
    const { jobId, effects, coordinator } = this.#of;
    const found: {
      readonly reference: CheckpointReference;
      readonly files: ReadonlySet<string> | undefined;
    }[] = [];
    const older = references.slice(0, -1);
    const readBack = (index: number): void => {
      const reference = references[index];
      if (reference === undefined) {
        for (const { reference: adopted, files } of found.reverse()) coordinator.adopt(adopted, files);
        answer.done();
        return;
      }
      readCheckpoint(effects, { jobId, reference, older }, (result) => {
        if (!answer.isWanted()) return;
        const isNewest = index === references.length - 1;
        if (result.ok) {
          found.push({ reference, files: filesOf(result.metadata) });
          if (isNewest) this.#of.onOutput(result.metadata.output);
        } else if (isNewest) {
          answer.failed(result.error);
          return;
        } else {
          found.push({ reference, files: undefined });
          this.#warnOfOlder(reference, result.error);
        }
        readBack(index - 1);
      });
    };
    readBack(references.length - 1);
  }

  /** Nothing will be restored from it. As long as it is kept, whatever it may need stays where it is. */
  #warnOfOlder({ checkpointId }: CheckpointReference, error: MillraceError): void {
    const { jobId, effects } = this.#of;
    effects.log('warn', 'older checkpoint cannot be read', {
      jobId,
      checkpointId,
      error: toWireError(error),
    });
  }

  /** Makes a checkpoint that the user named the first of this job. */
  #import(path: string, answer: RecoveryAnswer<void>): void {
    const { jobId, jobGraph, effects, coordinator } = this.#of;
    effects.importCheckpoint(jobId, path, (outcome) => {
      if (!answer.isWanted()) return;
      const result = readImportedCheckpoint(outcome, path);
      if (!result.ok) {
        answer.failed(result.error);
        return;
      }
      try {
        planRestore(jobGraph, result.metadata, this.#of);
      } catch (error) {
        answer.failed(error);
        return;
      }
      coordinator.adoptImported(result.metadata, (error) => {
        if (!answer.isWanted()) return;
        if (error === undefined) answer.done();
        else answer.failed(fromWireError(error));
      });
    });
  }

  /** The error of a slot that found a damaged file names the checkpoints that a user can start from instead. */
  advise(error: WireError): WireError {
    const { jobId, coordinator } = this.#of;
    return withAdvice(error, { jobId, older: coordinator.retained.slice(0, -1) });
  }

  /** What the subtasks of the next attempt at `region`, a part of the job, restore; undefined: nothing, as there is no checkpoint yet. */
  plan(
    { jobGraph, region }: { readonly jobGraph: JobGraph; readonly region: JobGraph },
    answer: RecoveryAnswer<RestorePlan | undefined>,
  ): void {
    const { jobId, effects, coordinator } = this.#of;
    const reference = coordinator.latest;
    if (reference === undefined) {
      if (this.#of.hadOtherParallelism()) {
        this.#of.onRestore(printedFromStart(region, undefined));
        answer.done({ printsAnew: true, restoreOf: () => undefined });
      } else {
        answer.done(undefined);
      }
      return;
    }
    const older = coordinator.retained.slice(0, -1);
    readCheckpoint(effects, { jobId, reference, older }, (result) => {
      if (!answer.isWanted()) return;
      if (!result.ok) {
        answer.failed(result.error);
        return;
      }
      let plan: RestorePlan;
      try {
        plan = planRestore(jobGraph, result.metadata, this.#of);
      } catch (error) {
        answer.failed(error);
        return;
      }
      const { stays, anew } = printedAgain(jobGraph, result.metadata, this.#of.printedLines());
      this.#of.onRestore(stays);
      plan = countingAnew(plan, anew);
      if (this.#of.hadOtherParallelism()) {
        this.#of.onRestore(printedFromStart(region, result.metadata));
        plan = { ...plan, printsAnew: true };
      }
      answer.done(plan);
    });
  }
}
