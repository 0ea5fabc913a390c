// Where a job master stands: finer than the job's state, and never stored.

/*
 * Phase          what is awaited
 * storing        the submission's records
 * reading        metadata of the checkpoints that earlier leaders completed, or of the one that the user named
 * waiting        slots for all of the job
 * active         its regions, each for itself: region-phase.ts
 * prepared       in the store, that `prepare` has succeeded
 * stopping       all regions have stopped, the newest checkpoint is certain
 * backing-off    the restart delay, when there are no regions yet
 * closing        the end in the store
 * ended          nothing
 */
export type JobPhase =
  | 'storing'
  | 'reading'
  | 'waiting'
  | 'active'
  | 'prepared'
  | 'stopping'
  | 'backing-off'
  | 'closing'
  | 'ended';
