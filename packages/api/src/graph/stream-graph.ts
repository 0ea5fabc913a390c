// The live StreamGraph: what building a program gives. `describe` turns it into StreamGraphJson.
import type { JobOptionsJson, Partitioning, SubmissionContext } from '@millrace/proto';
import type { jobBrand } from '../brand.ts';
import type { FailurePolicy } from '../failure/failure-policy.ts';
import type { Operator, UserFunction } from './operator.ts';

/** An input of a node. */
export interface StreamEdge {
  /** Node id of the producer. */
  readonly from: number;
  readonly partitioning: Partitioning;
  readonly sideOutput?: string;
  /** With `hash`: the key of a record; evaluated by the producer for the hash and by the consumer for the key. */
  readonly keySelector?: UserFunction;
  /**
   * The producer sends partial aggregates of the consuming window instead of records. One that comes too late counts as
   * as many late records as it stands for.
   */
  readonly isPreAggregated?: boolean;
}

/** An operator and its place in the graph; its id is its index in `nodes`, and inputs have smaller ones. */
export interface StreamNode {
  readonly id: number;
  readonly uid: string;
  readonly isUidExplicit: boolean;
  readonly name: string;
  readonly operator: Operator;
  readonly parallelism?: number;
  /** Of records that a function of the operator fails on. Unset: the job fails. */
  readonly onError?: FailurePolicy;
  /** The program did not ask for it: it takes the dead letters that nothing else takes. */
  readonly isImplicit?: true;
  readonly inputs: readonly StreamEdge[];
}

/** A job as its program built it: frozen, checked, in topological order. */
export interface StreamGraph {
  readonly version: 1;
  readonly name: string;
  readonly options: JobOptionsJson;
  readonly nodes: readonly StreamNode[];
}

/** What a job file exports as its default. */
export interface PlannableJob {
  readonly [jobBrand]: 1;
  readonly name: string;
  /** Runs the program: synchronous, without I/O, the same graph each time for the same submission. */
  plan(submission: SubmissionContext): StreamGraph;
}
