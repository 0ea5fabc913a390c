// What people see of a job: its status, its figures and the lines that it printed; and when clients are told.
import type { Clock, JobId, WireError } from '@millrace/common';
import type {
  CheckpointProgress,
  JobGraph,
  JobState,
  JobStatus,
  JobVertex,
  OutputLine,
  RegionStatus,
  SubtaskMetrics,
} from '@millrace/proto';
import type { Effects } from './effects.ts';
import { JobProgress } from './job-progress.ts';
import type { InputFigures, JobFigures, JobProgressRecord } from './job-records.ts';
import type { JobScaling } from './job-scaling.ts';
import { OutputBuffer } from './output-buffer.ts';

/** Status events that only metrics cause are at least this far apart; what a report changed shows after it at the latest. */
const STATUS_INTERVAL_MS = 100;

/** What the job master knows; read when a status is made. */
export interface JobFacts {
  readonly state: JobState;
  readonly attemptNumber: number;
  readonly regions: readonly RegionStatus[];
  readonly error: WireError | undefined;
  readonly record: JobProgressRecord;
  readonly checkpoints: CheckpointProgress;
  readonly scaling: Pick<JobScaling, 'plan' | 'progress'>;
}

interface StatusBoardOptions {
  readonly jobId: JobId;
  readonly startTimeMs: number;
  readonly jobGraph: JobGraph;
  readonly clock: Clock;
  readonly effects: Effects;
  readonly facts: () => JobFacts;
}

/** Threading: inside `step` only. */
export class StatusBoard {
  readonly #of: StatusBoardOptions;
  readonly #progress: JobProgress;
  readonly #output = new OutputBuffer();
  #lastStatusMs = -Infinity;
  #delayedStatus: { cancel(): void } | undefined;

  constructor(of: StatusBoardOptions) {
    this.#of = of;
    this.#progress = new JobProgress(of.jobGraph);
  }

  /** Lines that the job printed and that are kept. */
  get lines(): readonly OutputLine[] {
    return this.#output.lines;
  }

  /** Takes up lines that clients of an earlier leader or attempt saw. */
  restoreLines(lines: readonly OutputLine[]): void {
    this.#output.add(lines);
  }

  /** Forgets what the next attempt prints again under other numbers. */
  retainLines(stays: (line: OutputLine) => boolean): void {
    this.#output.retain(stays);
  }

  /** All of the job starts, with a parallelism that may be another one. */
  jobStarts(jobGraph: JobGraph): void {
    this.#progress.replace(jobGraph);
  }

  attemptStarts(vertices: readonly JobVertex[]): void {
    this.#progress.attemptStarts(vertices);
  }

  metrics(subtasks: readonly SubtaskMetrics[]): void {
    this.#progress.update(subtasks);
    const waitMs = this.#lastStatusMs + STATUS_INTERVAL_MS - this.#of.clock.monotonicMs();
    if (waitMs <= 0) this.publish();
    else this.#delayedStatus ??= this.#of.effects.schedule(waitMs, () => this.publish());
  }

  printed(reported: readonly OutputLine[]): void {
    const lines = this.#output.add(reported);
    if (lines.length === 0) return;
    const { jobId, effects } = this.#of;
    effects.command({ kind: 'publish', jobId, event: { kind: 'output', lines }, isLast: false });
  }

  /** Tells clients the job's status at once. */
  publish(isLast = false): void {
    const { jobId, clock, effects } = this.#of;
    this.#delayedStatus?.cancel();
    this.#delayedStatus = undefined;
    this.#lastStatusMs = clock.monotonicMs();
    effects.command({ kind: 'publish', jobId, event: { kind: 'status', status: this.status() }, isLast });
  }

  status(): JobStatus {
    const { jobId, jobGraph, startTimeMs } = this.#of;
    const { state, attemptNumber, regions, error, record, scaling } = this.#of.facts();
    const { plan, progress: rescale } = scaling;
    return {
      jobId,
      name: jobGraph.name,
      state,
      startTimeMs,
      ...(record.endTimeMs === undefined ? {} : { endTimeMs: record.endTimeMs }),
      parallelism: plan.slotCount,
      isAutoParallel: plan.isAuto,
      restartCount: record.restartCount,
      rescaleCount: record.rescaleCount ?? 0,
      ...(rescale === undefined ? {} : { rescale }),
      attemptNumber,
      ...(regions.length === 0 ? {} : { regions }),
      ...(error === undefined ? {} : { error }),
      ...(record.savepoint === undefined ? {} : { savepoint: record.savepoint }),
      ...this.figures(),
    };
  }

  /** Those of an ended job, and of one that only has to commit, are the stored ones. */
  figures(): JobFigures {
    const { record, checkpoints } = this.#of.facts();
    if (record.figures !== undefined) return record.figures;
    return { checkpoints, ...(record.inputFigures ?? this.#progress.fields()) };
  }

  /** What is stored of a job at its end. */
  endRecord(state: 'FINISHED' | 'FAILED' | 'CANCELED'): Partial<JobProgressRecord> {
    const { error } = this.#of.facts();
    return {
      state,
      endTimeMs: this.#of.clock.nowMs(),
      output: this.lines,
      figures: this.figures(),
      ...(state === 'FAILED' && error !== undefined ? { error } : {}),
    };
  }

  /** What the subtasks have reported. */
  inputFigures(): InputFigures {
    return this.#progress.fields();
  }
}
