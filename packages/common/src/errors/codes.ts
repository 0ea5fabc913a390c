// The closed table of error codes. A code is API: scripts match on it and `docs/errors/<CODE>.md` explains it.
// Messages are not API. `retry` is what a restart strategy may do when a throw site says nothing else.

/** Who must act: the author of the job, whoever runs the world around it, or we. */
export type Fault = 'user' | 'external' | 'internal';

/** `never`: a restart cannot change it. `backoff`: the restart strategy may try again. */
export type RetryVerdict = 'never' | 'backoff';

interface CodeEntry {
  readonly fault: Fault;
  readonly retry: RetryVerdict;
}

const user = { fault: 'user', retry: 'never' } as const satisfies CodeEntry;
const external = { fault: 'external', retry: 'backoff' } as const satisfies CodeEntry;
const internal = { fault: 'internal', retry: 'backoff' } as const satisfies CodeEntry;

/** Every code with its default fault and verdict. Add here, add `docs/errors/<CODE>.md`, and throw it somewhere. */
export const ERROR_CODES = {
  // Programs and graphs
  MR_GRAPH_INVALID: user,
  MR_CHANGELOG_REFUSED: user,
  MR_GRAPH_MISMATCH: user,
  MR_DUPLICATE_UID: user,
  MR_NO_GRAPH: user,
  MR_JOB_FILE: user,
  MR_COMPILE: user,
  MR_NATIVE_ADDON: user,
  MR_NESTED_EXECUTE: user,
  MR_PROMISE_RETURNED: user,
  MR_PATTERN_INVALID: user,
  MR_OPTION_INVALID: user,
  MR_USER_FUNCTION: { fault: 'user', retry: 'backoff' },
  MR_ASYNC_TIMEOUT: external,
  MR_RECORD_MUTATED: user,
  MR_UNSUPPORTED_VALUE: user,
  MR_KEY_INVALID: user,
  MR_RECORD_MALFORMED: user,
  MR_QUERY_INVALID: user,
  MR_EVENT_TIME_AHEAD: user,
  // Data, state, checkpoints
  MR_FRAME_CORRUPT: internal,
  MR_PROTOCOL: internal,
  MR_CHANNEL_CLOSED: external,
  MR_STATE_BACKEND: external,
  MR_STATE_INCOMPATIBLE: user,
  MR_STATE_MIGRATION: user,
  MR_STATE_TOO_LARGE: user,
  MR_CHECKPOINT_CORRUPT: { fault: 'external', retry: 'never' },
  MR_CHECKPOINT_DECLINED: external,
  MR_CHECKPOINT_EXPIRED: external,
  MR_SAVEPOINT_NOT_FOUND: user,
  MR_SAVEPOINT_FAILED: external,
  MR_STORE_CORRUPT: { fault: 'external', retry: 'never' },
  // Connectors
  MR_SOURCE_NOT_FOUND: user,
  MR_SOURCE_READ: external,
  MR_SINK_EXISTS: user,
  MR_SINK_COLLISION: { fault: 'external', retry: 'never' },
  MR_SINK_COMMIT: external,
  // Cluster
  MR_TOO_FEW_SLOTS: user,
  MR_RESCALE_REFUSED: user,
  MR_NO_CLUSTER: external,
  MR_PORT_TAKEN: external,
  MR_UNAUTHENTICATED: user,
  MR_CERTIFICATE: { fault: 'external', retry: 'never' },
  MR_STALE_EPOCH: internal,
  MR_TASKMANAGER_LOST: external,
  MR_WORKER_LOST: external,
  MR_MEMORY_LIMIT: external,
  MR_ARTIFACT_CORRUPT: external,
  MR_ARTIFACT_TOO_LARGE: user,
  MR_JOB_NOT_FOUND: user,
  MR_JOB_AMBIGUOUS: user,
  MR_JOB_FINISHED: user,
  MR_JOB_NOT_RUNNING: user,
  MR_CLUSTER_RUNNING: user,
  MR_RESTARTS_EXHAUSTED: { fault: 'user', retry: 'never' },
  MR_USAGE: user,
  MR_CANCELLED: { fault: 'user', retry: 'never' },
  MR_TIMEOUT: external,
  MR_IO: external,
  MR_INTERNAL: internal,
} as const satisfies Record<string, CodeEntry>;

/** One of the codes of {@link ERROR_CODES}. */
export type ErrorCode = keyof typeof ERROR_CODES;
