// Follows one job through whatever happens to its JobManager.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { asJobId } from '@millrace/common';
import { connectDispatcher } from '@millrace/jobmanager';
import type { JobStatus } from '@millrace/proto';
import { until } from './until.ts';

const RECONNECT_DELAY_MS = 20;
const ENDED: ReadonlySet<string> = new Set(['FINISHED', 'FAILED', 'CANCELED']);

/** Every status of a job, as its JobManagers publish them. */
export class JobWatch {
  readonly #clusterDirectory: string;
  readonly #jobId: string;
  readonly #onStatus: (status: JobStatus) => void;
  readonly #address: string | undefined;
  readonly #ended: Promise<JobStatus>;
  #isStopped = false;
  #latest: JobStatus | undefined;

  constructor(
    clusterDirectory: string,
    jobId: string,
    onStatus: (status: JobStatus) => void = () => undefined,
    /** Of the JobManager; default: as the cluster's record has it. */
    address?: string,
  ) {
    this.#clusterDirectory = clusterDirectory;
    this.#jobId = jobId;
    this.#onStatus = onStatus;
    this.#address = address;
    this.#ended = this.#follow();
    this.#ended.catch(() => undefined); // Whoever asks gets it.
  }

  /** The newest status; undefined before the first. */
  get latest(): JobStatus | undefined {
    return this.#latest;
  }

  get hasEnded(): boolean {
    return this.#latest !== undefined && ENDED.has(this.#latest.state);
  }

  /** Resolves to the last status. */
  get ended(): Promise<JobStatus> {
    return this.#ended;
  }

  /** Resolves when the condition holds or the job has ended; returns whether it holds. */
  async reaches(condition: (status: JobStatus) => boolean, timeoutMs: number): Promise<boolean> {
    const holds = (): boolean => this.#latest !== undefined && condition(this.#latest);
    await until(() => holds() || this.hasEnded, { timeoutMs, what: `a status of job ${this.#jobId}` });
    return holds();
  }

  stop(): void {
    this.#isStopped = true;
  }

  async #follow(): Promise<JobStatus> {
    const address = this.#address ?? recordedAddress(this.#clusterDirectory);
    const token = readFileSync(join(this.#clusterDirectory, 'token'), 'utf8').trim();
    while (!this.#isStopped) {
      await this.#followOnce(address, token);
      if (this.#latest !== undefined && this.hasEnded) return this.#latest;
      await new Promise((resolve) => setTimeout(resolve, RECONNECT_DELAY_MS));
    }
    throw new Error(
      `Job ${this.#jobId} was not followed to its end; last: ${this.#latest?.state ?? 'nothing'}`,
    );
  }

  async #followOnce(address: string, token: string): Promise<void> {
    try {
      const client = await connectDispatcher({ address, token, timeoutMs: 1_000 });
      try {
        await client.watch(asJobId(this.#jobId), (event) => {
          if (event.kind !== 'status') return;
          this.#latest = event.status;
          this.#onStatus(event.status);
        });
      } finally {
        client.close();
      }
    } catch {
      // Down, or dying: tried again.
    }
  }
}

function recordedAddress(clusterDirectory: string): string {
  const record = JSON.parse(readFileSync(join(clusterDirectory, 'cluster.json'), 'utf8')) as {
    jobManagerAddress: string;
  };
  return record.jobManagerAddress;
}
