// What a submission that starts from a savepoint or a checkpoint takes over: shown to whoever submitted it.

/** Where an operator's state went. */
export interface RestoredOperator {
  readonly uid: string;
  /** As it was; '' where nothing says it. */
  readonly oldName: string;
  /** As it is; '' for an operator that the job does not have. */
  readonly name: string;
  /** Parallelism before and now; 0: it was or is not there. */
  readonly from: number;
  readonly to: number;
  /** What there is of it: `value count`, `splits`, `transactions`, … */
  readonly state: readonly string[];
  /** Bytes of its keyed state. */
  readonly bytes: number;
}

/** The mapping old → new of a restore. */
export interface RestoreReport {
  readonly path: string;
  readonly jobName: string;
  readonly checkpointId: number;
  readonly isSavepoint: boolean;
  /** Event time had gone to its end before it. */
  readonly isDrained: boolean;
  /** Those of the job in its order, then those of the savepoint that it does not have. */
  readonly operators: readonly RestoredOperator[];
}
