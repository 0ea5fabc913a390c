// What the simulator needs to know of a job: how to build it, and what it must give.
import type { PlannableJob, Sink } from '@millrace/api';
import type { OutputLine, SubmissionContext } from '@millrace/proto';
import type { SimWorld } from './sim-plan.ts';
import type { SourcePositions } from './source-positions.ts';

/** What user code of a simulated job may do that no real one can. */
export interface SimHooks {
  /** Which deployment it runs in; 0 where the graph is only described. */
  readonly attemptNumber: number;
  /** A sink to a database outside of the cluster. */
  sink(name: string): Sink<unknown>;
  /** Called by user functions: throws when that is what goes wrong. */
  userCall(): void;
  /** Something that cannot be if the engine keeps its promises. */
  violated(what: string): void;
  /** A keyed function was called in this subtask. */
  onKey(operator: string, key: string, subtaskIndex: number): void;
}

/** Lines by output, in any order. */
export type Outputs = ReadonlyMap<string, readonly string[]>;

/** What is there to be seen of a job's output. */
export interface SimOutputs {
  /** The files of a directory, by name. */
  readonly files: (directory: string) => ReadonlyMap<string, Uint8Array>;
  /** Rows of a ledger that are visible. */
  readonly rows: (ledger: string) => readonly string[];
  readonly printed: readonly OutputLine[];
}

/** A job under simulation. */
export interface SimulatedJob {
  readonly jobOf: (hooks: SimHooks) => PlannableJob;
  /** Its input ends: it must finish. Otherwise it is cancelled once all that it can give is there. */
  readonly isBounded: boolean;
  /** What it is submitted with in a world. */
  readonly submissionOf: (world: SimWorld) => SubmissionContext;
  /** Files that are there before it starts, by absolute path. */
  readonly files: ReadonlyMap<string, Uint8Array>;
  readonly expected: Outputs;
  /** Outputs that mean nothing before their end: tables, whose rows may be taken back. */
  readonly wholeOnly?: ReadonlySet<string>;
  /** What it must give when it is drained after so much of its input. Absent: it is not drained. */
  readonly expectedAt?: (positions: SourcePositions) => Outputs;
  readonly outputs: (of: SimOutputs) => Outputs;
}
