// JobGraph: chained vertices, as the JobManager compiles them from a StreamGraph. Data only.
import type { JobVertexId } from '@millrace/common';
import type { Partitioning, StreamGraphJson } from './stream-graph.ts';

/** Where a vertex's records come from, when no other vertex sends them. */
export type VertexRole =
  /** Parallelism 1, hands out the splits of one source node over its assignment edge. */
  | 'enumerator'
  /** Its chain starts with a source node; its one input is the enumerator's assignment edge. */
  | 'source'
  | 'operator';

/** A connection between two vertices: which output goes where, and by what rule. */
export interface JobEdge {
  /** Unique in the job graph, from 0. */
  readonly edgeId: number;
  readonly fromVertex: JobVertexId;
  /** Stream node whose output this is; the source node's id on an assignment edge. */
  readonly fromNode: number;
  readonly toVertex: JobVertexId;
  readonly toNode: number;
  /** `assignment`: control events only, enumerator to each reader. */
  readonly partitioning: Partitioning | 'assignment';
  readonly sideOutput?: string;
  readonly isPreAggregated: boolean;
}

/** Operators that run chained, in one subtask each. */
export interface JobVertex {
  readonly vertexId: JobVertexId;
  readonly name: string;
  readonly role: VertexRole;
  /** Stream nodes chained in here, ascending; the first is the head. An enumerator has its source node's id. */
  readonly nodeIds: readonly number[];
  readonly parallelism: number;
}

/** The compiled plan of a job, before it is placed in slots. */
export interface JobGraph {
  readonly version: 1;
  readonly name: string;
  readonly keyGroupCount: number;
  /** In topological order. */
  readonly vertices: readonly JobVertex[];
  readonly edges: readonly JobEdge[];
  /** Slots that the job needs: its greatest parallelism, by slot sharing. */
  readonly slotCount: number;
  readonly streamGraph: StreamGraphJson;
}
