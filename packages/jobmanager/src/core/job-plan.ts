// How parallel a job is to be: as submitted, as somebody asked since, or as many subtasks as there are slots; and the
// JobGraph that follows from it. Another parallelism is another plan.
import { MillraceError } from '@millrace/common';
import type { JobGraph, JobSubmission, JobVertex, RescaleRequest } from '@millrace/proto';
import { compileJobGraph, isAutoParallel, type WantedParallelism } from '../compiler/compile-job-graph.ts';
import { PARALLELISM_MAX } from '../compiler/validate-graph.ts';
import type { JobScale } from './job-records.ts';

/** The scale of a job that nobody has rescaled. */
const AS_SUBMITTED: JobScale = { operators: {} };

/** Immutable. */
export class JobPlan {
  readonly jobGraph: JobGraph;
  readonly scale: JobScale;
  /** True when the job has as many slots as there are. */
  readonly isAuto: boolean;
  readonly #submission: JobSubmission;
  #slotsMax: number | undefined;

  /**
   * `slots`: how many a job that follows the slots is to have; of others it is ignored.
   * @throws {MillraceError} MR_GRAPH_INVALID
   */
  constructor(submission: JobSubmission, scale: JobScale = AS_SUBMITTED, slots = 1) {
    this.#submission = submission;
    this.scale = scale;
    const wanted = wantedOf(submission, scale, slots);
    this.isAuto = isAutoParallel(submission.streamGraph, wanted);
    this.jobGraph = compileJobGraph(submission.streamGraph, wanted);
  }

  get slotCount(): number {
    return this.jobGraph.slotCount;
  }

  /** Most slots that a job which follows the slots can use. */
  get slotsMax(): number {
    const { autoScaling, keyGroupCount } = this.#submission.streamGraph.options;
    const most = Math.min(autoScaling.parallelismMax ?? PARALLELISM_MAX, PARALLELISM_MAX, keyGroupCount);
    this.#slotsMax ??= this.withSlots(most).slotCount;
    return this.#slotsMax;
  }

  /** The same for another number of slots. */
  withSlots(slots: number): JobPlan {
    return new JobPlan(this.#submission, this.scale, slots);
  }

  /**
   * The plan that a user asks for. A vertex is named by its name or id, or by the name or uid of an operator in it; all of
   * the vertex changes, so that its chain stays whole.
   * @throws {MillraceError} MR_RESCALE_REFUSED when it names no vertex or is out of bounds
   */
  rescaled(request: Pick<RescaleRequest, 'parallelism' | 'vertices'>): JobPlan {
    const { parallelism, vertices } = request;
    if (typeof parallelism === 'number') this.#check(parallelism, 'the job');
    const operators: Record<string, number> = { ...this.scale.operators };
    for (const { name, parallelism: count } of vertices) {
      this.#check(count, `"${name}"`);
      for (const uid of this.#uidsOf(this.#vertexNamed(name))) operators[uid] = count;
    }
    const asked = parallelism ?? this.scale.parallelism;
    const scale: JobScale = { operators, ...(asked === undefined ? {} : { parallelism: asked }) };
    return new JobPlan(this.#submission, scale, this.slotCount);
  }

  #check(parallelism: number, what: string): void {
    const most = Math.min(PARALLELISM_MAX, this.jobGraph.keyGroupCount);
    if (Number.isInteger(parallelism) && parallelism >= 1 && parallelism <= most) return;
    throw refused(
      `${what} cannot have the parallelism ${parallelism}; it is a whole number from 1 to ${most}` +
        (most < PARALLELISM_MAX ? `, the number of the job's key groups` : ''),
      { parallelism },
    );
  }

  #vertexNamed(name: string): JobVertex {
    const vertices = this.jobGraph.vertices.filter(({ role }) => role !== 'enumerator');
    const isExact = (vertex: JobVertex): boolean => vertex.name === name || vertex.vertexId === name;
    const exact = vertices.filter(isExact);
    const found = exact.length > 0 ? exact : vertices.filter((vertex) => this.#hasOperator(vertex, name));
    const [vertex, ...others] = found;
    if (vertex !== undefined && others.length === 0) return vertex;
    const names = vertices.map((each) => `"${each.name}"`).join(', ');
    throw refused(
      vertex === undefined
        ? `it has no vertex or operator "${name}". Its vertices: ${names}`
        : `${found.length} vertices fit "${name}". Name one by the uid of an operator in it, or by its id: ${found.map((each) => each.vertexId).join(', ')}`,
      { name },
    );
  }

  #hasOperator({ nodeIds }: JobVertex, name: string): boolean {
    return nodeIds.some((id) => {
      const node = this.jobGraph.streamGraph.nodes[id];
      return node?.name === name || node?.uid === name;
    });
  }

  #uidsOf({ nodeIds }: JobVertex): readonly string[] {
    return nodeIds.flatMap((id) => this.jobGraph.streamGraph.nodes[id]?.uid ?? []);
  }
}

/** True when two graphs of one job differ in nothing. */
export function isSameParallelism(one: JobGraph, other: JobGraph): boolean {
  return (
    one.vertices.length === other.vertices.length &&
    one.vertices.every(
      ({ vertexId, parallelism }, index) =>
        other.vertices[index]?.vertexId === vertexId && other.vertices[index].parallelism === parallelism,
    )
  );
}

function wantedOf({ parallelism }: JobSubmission, scale: JobScale, slots: number): WantedParallelism {
  return {
    slots,
    operators: scale.operators,
    ...(scale.parallelism === undefined ? {} : { rescaled: scale.parallelism }),
    ...(parallelism === undefined ? {} : { parallelism }),
  };
}

/** The error of a change of parallelism that is not begun. */
export function refused(why: string, details: Readonly<Record<string, unknown>> = {}): MillraceError {
  return new MillraceError('MR_RESCALE_REFUSED', `Cannot rescale the job: ${why}`, { details });
}
