// How far the sources of each alignment group may go: no further than `maxDrift` ahead of the one that is furthest behind.
import type { JobVertexId } from '@millrace/common';
import type { AlignmentReport, JobGraph, JobVertex, SubtaskMetrics } from '@millrace/proto';

interface Group {
  readonly maxDriftMs: number;
  readonly vertices: readonly JobVertex[];
}

/** What readers are told, by group: ms since the epoch; null: as far as they like. */
export type AlignmentLimits = Readonly<Record<string, number | null>>;

/**
 * Keeps where each reader of a group is.
 * Contract: nobody is told anything before every reader of its group has shown itself, so that a fast one cannot run off while another
 * starts up. What a reader says that it was told is compared with what holds now: a word that got lost is said again.
 * Bounds: one entry a reader. Threading: inside `step` only. Source: FLIP-182 and FLIP-217 (watermark alignment).
 */
export class WatermarkAlignment {
  #groups: ReadonlyMap<string, Group>;
  readonly #readers = new Map<string, AlignmentReport>();
  #told: AlignmentLimits = {};

  constructor(jobGraph: JobGraph) {
    this.#groups = groupsOf(jobGraph);
  }

  /** All of the job starts anew. */
  replace(jobGraph: JobGraph): void {
    this.#groups = groupsOf(jobGraph);
    this.#readers.clear();
    this.#told = {};
  }

  /** Readers of these vertices have not shown themselves yet. */
  attemptStarts(vertices: readonly JobVertex[]): void {
    for (const { vertexId, parallelism } of vertices)
      for (let index = 0; index < parallelism; index++) this.#readers.delete(keyOf(vertexId, index));
  }

  /** Takes reports; returns what readers are to be told now, undefined: nothing new. */
  update(subtasks: readonly SubtaskMetrics[]): AlignmentLimits | undefined {
    const reported = new Map<string, AlignmentReport>();
    for (const { vertexId, subtaskIndex, alignment } of subtasks)
      if (alignment !== undefined) reported.set(keyOf(vertexId, subtaskIndex), alignment);
    if (reported.size === 0) return undefined;
    for (const [key, report] of reported) this.#readers.set(key, report);
    const limits: Record<string, number | null> = {};
    let isNews = false;
    for (const [name, group] of this.#groups) {
      const limitMs = this.#limitOf(group);
      if (limitMs === undefined) continue;
      limits[name] = limitMs;
      isNews ||= !Object.hasOwn(this.#told, name) || this.#told[name] !== limitMs;
      for (const report of reported.values())
        isNews ||= report.group === name && report.limitMs !== (limitMs ?? Number.MAX_SAFE_INTEGER);
    }
    this.#told = limits;
    return isNews ? limits : undefined;
  }

  /** undefined: not every reader has shown itself. */
  #limitOf({ maxDriftMs, vertices }: Group): number | null | undefined {
    let leastMs = Infinity;
    for (const { vertexId, parallelism } of vertices) {
      for (let index = 0; index < parallelism; index++) {
        const reader = this.#readers.get(keyOf(vertexId, index));
        if (reader === undefined) return undefined;
        if (!reader.isCounted) continue;
        if (reader.watermarkMs === null) return undefined;
        leastMs = Math.min(leastMs, reader.watermarkMs);
      }
    }
    return leastMs === Infinity ? null : leastMs + maxDriftMs;
  }
}

function groupsOf({ streamGraph, vertices }: JobGraph): ReadonlyMap<string, Group> {
  const groups = new Map<string, Group>();
  for (const vertex of vertices) {
    if (vertex.role !== 'source') continue;
    const node = streamGraph.nodes.find(({ id }) => id === vertex.nodeIds[0]);
    const alignment = alignmentOf(node?.options['watermarks']);
    if (alignment === undefined) continue;
    const known = groups.get(alignment.group);
    groups.set(alignment.group, {
      maxDriftMs: Math.min(known?.maxDriftMs ?? Infinity, alignment.maxDriftMs),
      vertices: [...(known?.vertices ?? []), vertex],
    });
  }
  return groups;
}

function alignmentOf(
  watermarks: unknown,
): { readonly group: string; readonly maxDriftMs: number } | undefined {
  const { alignment } = (watermarks ?? {}) as { readonly alignment?: unknown };
  const { group, maxDriftMs } = (alignment ?? {}) as {
    readonly group?: unknown;
    readonly maxDriftMs?: unknown;
  };
  return typeof group === 'string' && typeof maxDriftMs === 'number' ? { group, maxDriftMs } : undefined;
}

function keyOf(vertexId: JobVertexId, subtaskIndex: number): string {
  return `${vertexId}/${subtaskIndex}`;
}
