// Records that operators left out: counts that survive recoveries, and the newest few as samples.
import { invariant } from '@millrace/common';
import type { StreamNode } from '@millrace/api';
import type { DroppedCause, DroppedRecordsSnapshot, DroppedSample, OperatorSnapshot } from '@millrace/proto';
import { lineOf } from './text-of.ts';
import type { RecordOrigin } from './record-origin.ts';

/** Samples that are kept of one operator in one subtask, and of a subtask. */
const SAMPLES_MAX = 3;
/** Characters of each text of a sample. */
const SAMPLE_TEXT_CHARS_MAX = 300;

export type DroppedCounts = { readonly [Cause in DroppedCause]: number };

/** What is known of a record that is left out. */
export interface DroppedRecord {
  readonly position: string;
  readonly code: string;
  readonly reason: string;
  readonly raw: string;
}

interface TallyOptions {
  readonly operator: string;
  readonly subtaskIndex: number;
  readonly origin: RecordOrigin;
  readonly nowMs: () => number;
}

/**
 * What one operator left out in one subtask, since the job began: what was processed twice counts once, because the counts
 * are in each snapshot. Generated code calls `countLate`. Threading: the task's thread.
 */
export class DroppedTally {
  readonly #of: TallyOptions;
  #late = 0;
  #skipped = 0;
  #deadLettered = 0;
  #samples: readonly DroppedSample[] = [];
  #lateSampledAt = -1;

  constructor(of: TallyOptions, restored: readonly DroppedRecordsSnapshot[]) {
    this.#of = of;
    for (const { late, skipped, deadLettered, samples } of restored) {
      this.#late += late;
      this.#skipped += skipped;
      this.#deadLettered += deadLettered;
      for (const sample of samples) this.#keep(sample);
    }
  }

  get counts(): DroppedCounts {
    return { late: this.#late, skipped: this.#skipped, deadLettered: this.#deadLettered };
  }

  get samples(): readonly DroppedSample[] {
    return this.#samples;
  }

  /** Records that the operator left out because it failed on them. */
  get failedCount(): number {
    return this.#skipped + this.#deadLettered;
  }

  /** True for the first late record of a batch, the only one that {@link countLate} looks at. */
  get samplesLate(): boolean {
    return this.#lateSampledAt !== this.#of.origin.batchCount;
  }

  /** `count` late records, of which `record` is one or stands for them. One in a batch is a sample. */
  countLate(count: number, record: unknown, row: number, reason = 'its windows have fired'): void {
    this.#late += count;
    const { origin } = this.#of;
    if (!this.samplesLate) return;
    this.#lateSampledAt = origin.batchCount;
    this.#sample('late', {
      position: origin.positionOf(row) ?? '',
      code: '',
      reason,
      raw: lineOf(record, SAMPLE_TEXT_CHARS_MAX),
    });
  }

  countFailed(cause: 'skipped' | 'deadLettered', record: DroppedRecord): void {
    if (cause === 'skipped') this.#skipped++;
    else this.#deadLettered++;
    this.#sample(cause, record);
  }

  /** undefined: nothing was left out. */
  snapshot(): DroppedRecordsSnapshot | undefined {
    if (this.#late + this.failedCount === 0) return undefined;
    return { subtaskIndex: this.#of.subtaskIndex, ...this.counts, samples: this.#samples };
  }

  #sample(cause: DroppedCause, { position, code, reason, raw }: DroppedRecord): void {
    const { operator, subtaskIndex, nowMs } = this.#of;
    this.#keep({
      cause,
      operator,
      subtaskIndex,
      position: lineOf(position, SAMPLE_TEXT_CHARS_MAX),
      code,
      reason: lineOf(reason, SAMPLE_TEXT_CHARS_MAX),
      raw: lineOf(raw, SAMPLE_TEXT_CHARS_MAX),
      atMs: nowMs(),
    });
  }

  #keep(sample: DroppedSample): void {
    this.#samples = [...this.#samples, sample].slice(-SAMPLES_MAX);
  }
}

/** What a new subtask takes over of the old ones, each of whose counts has exactly one heir at any parallelism. */
export function inheritedDrops(
  restored: readonly OperatorSnapshot[],
  heir: { readonly subtaskIndex: number; readonly parallelism: number },
): readonly DroppedRecordsSnapshot[] {
  return restored.flatMap(({ dropped }) =>
    dropped !== undefined && dropped.subtaskIndex % heir.parallelism === heir.subtaskIndex ? [dropped] : [],
  );
}

/** The tallies of a vertex, by operator. */
export class ChainTallies {
  readonly origin: RecordOrigin;
  readonly #tallies: ReadonlyMap<number, DroppedTally>;

  constructor(of: {
    readonly nodes: readonly StreamNode[];
    readonly origin: RecordOrigin;
    readonly subtaskIndex: number;
    readonly nowMs: () => number;
    readonly restored: (node: StreamNode) => readonly DroppedRecordsSnapshot[];
  }) {
    const { nodes, origin, subtaskIndex, nowMs, restored } = of;
    this.origin = origin;
    this.#tallies = new Map(
      nodes.map((node) => [
        node.id,
        new DroppedTally({ operator: node.name, subtaskIndex, origin, nowMs }, restored(node)),
      ]),
    );
  }

  of(node: StreamNode): DroppedTally {
    const tally = this.#tallies.get(node.id);
    invariant(tally !== undefined, 'a record was left out by an operator of another vertex');
    return tally;
  }

  /** Of all operators together. */
  get counts(): DroppedCounts {
    let late = 0;
    let skipped = 0;
    let deadLettered = 0;
    for (const { counts } of this.#tallies.values()) {
      late += counts.late;
      skipped += counts.skipped;
      deadLettered += counts.deadLettered;
    }
    return { late, skipped, deadLettered };
  }

  /** The newest few of all. */
  get samples(): readonly DroppedSample[] {
    return [...this.#tallies.values()]
      .flatMap(({ samples }) => samples)
      .sort((a, b) => a.atMs - b.atMs)
      .slice(-SAMPLES_MAX);
  }
}
