// What failed last in a job, and whether it is tried again: the restart strategy's verdict, noted and explained.
import { toWireError, type Clock, type JobId, type RandomPort, type WireError } from '@millrace/common';
import type { JobOptionsJson } from '@millrace/proto';
import type { CheckpointRecovery } from './checkpoint-recovery.ts';
import type { DurableProgress } from './durable-progress.ts';
import type { Effects } from './effects.ts';
import type { RegionMaster } from './region-master.ts';
import { RestartStrategy } from './restart-strategy.ts';

interface JobFailuresOptions {
  readonly jobId: JobId;
  readonly options: JobOptionsJson;
  readonly random: RandomPort;
  readonly clock: Clock;
  readonly effects: Effects;
  readonly progress: DurableProgress;
  readonly recovery: CheckpointRecovery;
  /** Adds to the error that ends the job what a stop with a savepoint has come to. */
  readonly explain: (error: WireError) => WireError;
}

/** Threading: inside `step` only. */
export class JobFailures {
  readonly #of: JobFailuresOptions;
  readonly #strategy: RestartStrategy;
  /** The last one; shown until the job has ended without one. */
  error: WireError | undefined;

  constructor(of: JobFailuresOptions) {
    this.#of = of;
    this.#strategy = new RestartStrategy(of.options.restart, of.random);
    this.error = of.progress.record.error;
  }

  /** Counts one failure of these regions (none: of the job as a whole). Returns when to start again, or undefined: never. */
  judge(
    thrown: unknown,
    of: { readonly regions: readonly RegionMaster[]; readonly attemptNumber: number },
  ): number | undefined {
    const { jobId, effects, clock, recovery, explain } = this.#of;
    const error = (this.error = toWireError(thrown));
    const regions = of.regions.flatMap(({ group }) => group.regions);
    const attemptNumber = of.regions[0]?.attempt?.attemptNumber ?? of.attemptNumber;
    effects.log('warn', 'attempt failed', { jobId, regions, attemptNumber, error });
    const verdict = this.#strategy.judge(error, clock.monotonicMs());
    if (verdict.kind === 'fail') {
      this.error = explain(recovery.advise(verdict.error));
      return undefined;
    }
    this.#countRestart();
    return verdict.delayMs;
  }

  /** Something came to nothing that is no failure of the job, but has it start again. */
  note(thrown: unknown): void {
    this.error = toWireError(thrown);
    this.#countRestart();
  }

  #countRestart(): void {
    const { progress } = this.#of;
    progress.note({ restartCount: progress.record.restartCount + 1 });
  }

  /** All of the job runs. */
  running(): void {
    this.#strategy.running(this.#of.clock.monotonicMs());
  }

  /** A checkpoint is complete. */
  progressed(): void {
    this.#strategy.progressed();
  }
}
