// What subtasks report of themselves, put together for people.
import type { JobVertexId } from '@millrace/common';
import type { DroppedSample, JobGraph, JobVertex, SubtaskMetrics, VertexProgress } from '@millrace/proto';
import { mergeMetrics } from './merge-metrics.ts';
import type { InputFigures } from './job-records.ts';

/** Samples of records left out that are kept of each vertex. */
const SAMPLES_MAX = 5;

/** The newest metrics of each subtask, whichever attempt reported them. Bounds: one entry a subtask. */
export class JobProgress {
  #jobGraph: JobGraph;
  readonly #metrics = new Map<string, SubtaskMetrics>();
  /** What each subtask has left out since the job began, as it said last, in whichever attempt. */
  readonly #dropped = new Map<string, SubtaskMetrics['dropped']>();
  /** Newest samples of each subtask, over all attempts: those of older ones may be among them. */
  readonly #samples = new Map<string, readonly DroppedSample[]>();
  #watermarkMs: number | null = null;

  constructor(jobGraph: JobGraph) {
    this.#jobGraph = jobGraph;
  }

  /** Takes reports; those of subtasks that the job does not have are ignored. */
  update(subtasks: readonly SubtaskMetrics[]): void {
    for (const subtask of subtasks) {
      const vertex = this.#jobGraph.vertices.find(({ vertexId }) => vertexId === subtask.vertexId);
      if (vertex !== undefined && subtask.subtaskIndex < vertex.parallelism) this.#take(subtask);
    }
    const watermarkMs = this.#endWatermark();
    // A report that comes late does not set people's clock back.
    if (watermarkMs !== null) this.#watermarkMs = Math.max(this.#watermarkMs ?? -Infinity, watermarkMs);
  }

  #take(subtask: SubtaskMetrics): void {
    const { vertexId, subtaskIndex, droppedSamples } = subtask;
    this.#metrics.set(keyOf(vertexId, subtaskIndex), subtask);
    this.#dropped.set(keyOf(vertexId, subtaskIndex), subtask.dropped);
    if (droppedSamples !== undefined) this.#samples.set(keyOf(vertexId, subtaskIndex), droppedSamples);
  }

  /** Goes on with another parallelism, from nothing if it is another one: other subtasks have the counts then. */
  replace(jobGraph: JobGraph): void {
    if (jobGraph !== this.#jobGraph) {
      this.#metrics.clear();
      this.#watermarkMs = null;
    }
    this.#jobGraph = jobGraph;
  }

  /**
   * A new attempt at these vertices. Counts of records are in checkpoints: until the attempt reports what it took over, they are
   * what the last one said. What an attempt is busy with, and its event time, start anew.
   */
  attemptStarts(vertices: readonly JobVertex[]): void {
    for (const { vertexId, parallelism } of vertices) {
      for (let index = 0; index < parallelism; index++) {
        const key = keyOf(vertexId, index);
        const last = this.#metrics.get(key);
        if (last === undefined) continue;
        this.#metrics.set(key, { ...last, busyShare: 0, backPressuredShare: 0, watermarkMs: null });
      }
    }
    this.#watermarkMs = null;
  }

  /**
   * The job's progress. `watermarkMs` is the least of the subtasks of the vertices that nothing follows: null until each
   * has one, and within an attempt never less than before.
   */
  fields(): InputFigures {
    let recordsRead = 0;
    let stateBytes = 0;
    let inputRead = 0;
    let inputTotal = 0;
    let isTotalKnown = true;
    for (const vertex of this.#jobGraph.vertices) {
      const subtasks = this.#of(vertex);
      for (const subtask of subtasks) stateBytes += subtask.stateBytes;
      if (vertex.role === 'source') for (const subtask of subtasks) recordsRead += recordsOfSource(subtask);
      if (vertex.role === 'source' || vertex.role === 'enumerator') {
        for (const subtask of subtasks) {
          inputRead += subtask.inputRead;
          inputTotal += subtask.inputTotal;
        }
      }
      if (vertex.role === 'enumerator' && !this.#isTotalKnown(vertex)) isTotalKnown = false;
    }
    return {
      vertices: this.#jobGraph.vertices.map((vertex) => this.#vertex(vertex)),
      recordsRead,
      ...(isTotalKnown && inputTotal > 0 ? { inputShare: Math.min(1, inputRead / inputTotal) } : {}),
      watermarkMs: this.#watermarkMs,
      stateBytes,
    };
  }

  /** The least of the vertices that nothing follows. */
  #endWatermark(): number | null {
    const producers = new Set(this.#jobGraph.edges.map(({ fromVertex }) => fromVertex));
    const ends = this.#jobGraph.vertices.filter(
      ({ role, vertexId }) => role !== 'enumerator' && !producers.has(vertexId),
    );
    return leastWatermark(
      ends.flatMap((vertex) => this.#of(vertex)),
      ends.reduce((count, { parallelism }) => count + parallelism, 0),
    );
  }

  /** The weight of a source's input is known when its enumerator or its readers state one. */
  #isTotalKnown(enumerator: JobVertex): boolean {
    const edge = this.#jobGraph.edges.find(({ fromVertex }) => fromVertex === enumerator.vertexId);
    const source = this.#jobGraph.vertices.find(({ vertexId }) => vertexId === edge?.toVertex);
    const subtasks = [...this.#of(enumerator), ...(source === undefined ? [] : this.#of(source))];
    return subtasks.some(({ inputTotal }) => inputTotal > 0);
  }

  #of(vertex: JobVertex): readonly SubtaskMetrics[] {
    const found: SubtaskMetrics[] = [];
    for (let index = 0; index < vertex.parallelism; index++) {
      const subtask = this.#metrics.get(keyOf(vertex.vertexId, index));
      if (subtask !== undefined) found.push(subtask);
    }
    return found;
  }

  #droppedOf({ vertexId, parallelism }: JobVertex): Record<string, number> {
    const dropped: Record<string, number> = {};
    for (let index = 0; index < parallelism; index++) {
      for (const [cause, count] of Object.entries(this.#dropped.get(keyOf(vertexId, index)) ?? {}))
        dropped[cause] = (dropped[cause] ?? 0) + count;
    }
    return dropped;
  }

  #droppedSamples({ vertexId, parallelism }: JobVertex): Pick<VertexProgress, 'droppedSamples'> {
    const newest = new Map<string, DroppedSample>();
    for (let index = 0; index < parallelism; index++) {
      // A subtask that took over another's counts has its samples, too.
      for (const sample of this.#samples.get(keyOf(vertexId, index)) ?? [])
        newest.set(`${sample.atMs} ${sample.subtaskIndex} ${sample.position}`, sample);
    }
    if (newest.size === 0) return {};
    return { droppedSamples: [...newest.values()].sort((a, b) => a.atMs - b.atMs).slice(-SAMPLES_MAX) };
  }

  #vertex(vertex: JobVertex): VertexProgress {
    const subtasks = this.#of(vertex);
    const dropped = this.#droppedOf(vertex);
    const sum = (of: (subtask: SubtaskMetrics) => number): number =>
      subtasks.reduce((total, subtask) => total + of(subtask), 0);
    const mean = (of: (subtask: SubtaskMetrics) => number): number =>
      subtasks.length === 0 ? 0 : sum(of) / subtasks.length;
    return {
      vertexId: vertex.vertexId,
      name: vertex.name,
      parallelism: vertex.parallelism,
      recordsIn: sum(({ recordsIn }) => recordsIn),
      recordsOut: sum(({ recordsOut }) => recordsOut),
      busyShare: mean(({ busyShare }) => busyShare),
      backPressuredShare: mean(({ backPressuredShare }) => backPressuredShare),
      watermarkMs: leastWatermark(subtasks, vertex.parallelism),
      ...timeOf(subtasks),
      dropped,
      ...this.#droppedSamples(vertex),
      ...mergeMetrics(subtasks),
    };
  }
}

/** Who holds event time back, who waits for others, and what was too far ahead of the clock. */
function timeOf(
  subtasks: readonly SubtaskMetrics[],
): Pick<VertexProgress, 'watermarkSplit' | 'waitsFor' | 'recordsAhead'> {
  let leastMs = Infinity;
  let watermarkSplit: string | undefined;
  let waitsFor: string | undefined;
  let recordsAhead = 0;
  for (const subtask of subtasks) {
    const watermarkMs = subtask.watermarkMs ?? -Infinity;
    if (watermarkMs < leastMs) {
      leastMs = watermarkMs;
      watermarkSplit = subtask.watermarkSplit;
    }
    if (subtask.alignment?.isWaiting === true) waitsFor = subtask.alignment.group;
    recordsAhead += subtask.recordsAhead ?? 0;
  }
  return {
    ...(watermarkSplit === undefined ? {} : { watermarkSplit }),
    ...(waitsFor === undefined ? {} : { waitsFor }),
    ...(recordsAhead === 0 ? {} : { recordsAhead }),
  };
}

function keyOf(vertexId: JobVertexId, subtaskIndex: number): string {
  return `${vertexId}/${subtaskIndex}`;
}

/** A chain that starts with a source counts the records that the source gave as its input. */
function recordsOfSource(subtask: SubtaskMetrics): number {
  return subtask.recordsIn;
}

/** null unless all `count` subtasks have one. */
function leastWatermark(subtasks: readonly SubtaskMetrics[], count: number): number | null {
  if (subtasks.length < count || count === 0) return null;
  let least = Infinity;
  for (const { watermarkMs } of subtasks) {
    if (watermarkMs === null) return null;
    least = Math.min(least, watermarkMs);
  }
  return least;
}
