// Where a job master stands: finer than the job's state, and never stored.

/*
 * Phase          what is awaited
 * storing        the submission's records
 * reading        metadata of the checkpoints that earlier leaders completed, or of the one that the user named
 * waiting        slots
 * starting       the attempt's number in the store, the restored checkpoint's metadata
 * deploying      all slots run (`prepare`: the slot has ended after it prepared)
 * running        end of input
 * committing     commits of the final checkpoint
 * stopping       all slots have ended, the newest checkpoint is certain
 * backing-off    the restart delay
 * closing        the end in the store
 * ended          nothing
 */
export type JobPhase =
  | 'storing'
  | 'reading'
  | 'waiting'
  | 'starting'
  | 'deploying'
  | 'running'
  | 'committing'
  | 'stopping'
  | 'backing-off'
  | 'closing'
  | 'ended';
