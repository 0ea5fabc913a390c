// What `cluster status` shows of a process that the JobManager knows.

/** One process of the cluster. Slots are those of a TaskManager. */
export interface ProcessStatus {
  readonly kind: 'jobmanager' | 'taskmanager';
  readonly id: string;
  readonly pid: number;
  /** `host:port`. */
  readonly address: string;
  readonly slots?: number;
  readonly freeSlots?: number;
  /** Resident memory: of a TaskManager at its last heartbeat; unset: there was none yet. */
  readonly rssBytes?: number;
}
