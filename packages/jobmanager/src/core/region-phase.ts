// Where a group of regions stands: finer than the job's state, and never stored.

/*
 * Phase          what is awaited
 * idle           to be asked for slots
 * waiting        slots
 * starting       the attempt's number in the store, the restored checkpoint's metadata
 * deploying      all slots run (`prepare`: the slot has ended after it prepared; `commit`: commits)
 * running        end of input, then commits of the final checkpoint
 * stopping       all slots have ended, the newest checkpoint is certain
 * stopped        the restart delay, or what becomes of the job
 */
export type RegionPhase = 'idle' | 'waiting' | 'starting' | 'deploying' | 'running' | 'stopping' | 'stopped';
