// What is over and must not come back: a deployment that arrives twice, or behind its own cancellation, runs nothing.
import type { JobId } from '@millrace/common';

/** Jobs that are remembered; the one that was seen first is forgotten first. */
const FENCED_JOBS_MAX = 1_000;

interface FencedJob {
  /** The newest attempt that was deployed into any slot. */
  newest: number;
  /** By slot: the newest attempt that has ended there. */
  readonly endedIn: Map<number, number>;
}

/** Attempts of a job count up for ever, also across leaders: an older one than the newest has no future. */
export class AttemptFence {
  readonly #jobs = new Map<JobId, FencedJob>();

  /** True when this attempt has ended in this slot, or a newer one of its job has been deployed. */
  isOver(jobId: JobId, attemptNumber: number, slotIndex: number): boolean {
    const job = this.#jobs.get(jobId);
    return (
      job !== undefined && (attemptNumber < job.newest || attemptNumber <= (job.endedIn.get(slotIndex) ?? 0))
    );
  }

  deployed(jobId: JobId, attemptNumber: number): void {
    const job = this.#job(jobId);
    job.newest = Math.max(job.newest, attemptNumber);
  }

  ended(jobId: JobId, attemptNumber: number, slotIndex: number): void {
    const { endedIn } = this.#job(jobId);
    endedIn.set(slotIndex, Math.max(endedIn.get(slotIndex) ?? 0, attemptNumber));
  }

  #job(jobId: JobId): FencedJob {
    const known = this.#jobs.get(jobId);
    if (known !== undefined) return known;
    const oldest = this.#jobs.keys().next();
    if (this.#jobs.size >= FENCED_JOBS_MAX && oldest.done !== true) this.#jobs.delete(oldest.value);
    const job: FencedJob = { newest: 0, endedIn: new Map() };
    this.#jobs.set(jobId, job);
    return job;
  }
}
