// Branded identifiers. Units go in names; only identifiers are branded.

declare const jobIdBrand: unique symbol;
declare const attemptIdBrand: unique symbol;
declare const vertexIdBrand: unique symbol;
declare const taskManagerIdBrand: unique symbol;

/** 32 lower-case hex characters. */
export type JobId = string & { readonly [jobIdBrand]: true };
/** `<vertexId>-<subtaskIndex>-<attemptNumber>`: one try at one subtask. Unique within a job. */
export type ExecutionAttemptId = string & { readonly [attemptIdBrand]: true };
/** 32 lower-case hex characters, derived from the uid of the chain's head. */
export type JobVertexId = string & { readonly [vertexIdBrand]: true };
/** Name of a TaskManager; each process start has its own instance id besides. */
export type TaskManagerId = string & { readonly [taskManagerIdBrand]: true };

export const asJobId = (id: string): JobId => id as JobId;
export const asJobVertexId = (id: string): JobVertexId => id as JobVertexId;
export const asTaskManagerId = (id: string): TaskManagerId => id as TaskManagerId;

/** Returns the id of attempt `attemptNumber` at a subtask. */
export function executionAttemptId(
  vertexId: JobVertexId,
  subtaskIndex: number,
  attemptNumber: number,
): ExecutionAttemptId {
  return `${vertexId}-${subtaskIndex}-${attemptNumber}` as ExecutionAttemptId;
}
