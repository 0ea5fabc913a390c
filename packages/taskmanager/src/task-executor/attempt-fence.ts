// What is over and must not come back: a deployment that arrives twice, or behind its own cancellation, runs nothing.
import type { JobId } from '@millrace/common';
import type { SlotDeployment } from '@millrace/proto';

/** Jobs that are remembered; the one that was seen first is forgotten first. */
const FENCED_JOBS_MAX = 1_000;

interface FencedJob {
  /** By region: the newest attempt that was deployed into any slot. */
  readonly newestOf: Map<number, number>;
  /** By slot: the newest attempt that has ended there. */
  readonly endedIn: Map<number, number>;
}

type Attempt = Pick<SlotDeployment, 'jobId' | 'attemptNumber' | 'regions' | 'slotIndex'>;

/** Attempts of a job count up for ever, also across leaders: an older one than the newest at a region has no future. */
export class AttemptFence {
  readonly #jobs = new Map<JobId, FencedJob>();

  /** True when this attempt has ended in this slot, or a newer one at one of its regions has been deployed. */
  isOver({ jobId, attemptNumber, regions, slotIndex }: Attempt): boolean {
    const job = this.#jobs.get(jobId);
    return (
      job !== undefined &&
      (attemptNumber <= (job.endedIn.get(slotIndex) ?? 0) ||
        regions.some((region) => attemptNumber < (job.newestOf.get(region) ?? 0)))
    );
  }

  deployed({ jobId, attemptNumber, regions }: Attempt): void {
    const { newestOf } = this.#job(jobId);
    for (const region of regions) newestOf.set(region, Math.max(newestOf.get(region) ?? 0, attemptNumber));
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
    const job: FencedJob = { newestOf: new Map(), endedIn: new Map() };
    this.#jobs.set(jobId, job);
    return job;
  }
}
