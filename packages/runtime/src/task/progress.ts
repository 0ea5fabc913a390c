// [HOT] What a call of a task's `runOnce` says to the slot's loop.

export const Progress = {
  /** Nothing to do until something arrives. */
  Idle: 0,
  /** Something was done; there may be more. */
  Made: 1,
  /** There is something to do, but no credit to do it. */
  Blocked: 2,
} as const;
export type Progress = (typeof Progress)[keyof typeof Progress];
