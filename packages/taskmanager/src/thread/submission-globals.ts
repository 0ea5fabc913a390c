// Makes a worker thread look to the user's code as the submission says: arguments and environment.
import type { SubmissionContext } from '@millrace/proto';

/** Variables of the machine rather than of the submission; libraries break without them. */
const KEPT_VARIABLES: readonly string[] = [
  'PATH',
  'HOME',
  'TMPDIR',
  'TEMP',
  'TMP',
  'SYSTEMROOT',
  'UV_THREADPOOL_SIZE',
  'grpc_proxy',
  'no_grpc_proxy',
];

/**
 * Sets `process.argv` and `process.env` of this thread.
 * Contract: called in a worker thread, whose environment is a copy of its own. The environment is what the submission
 * declared, besides a few of the machine's; changes by user code stay in this thread.
 */
export function setProcessGlobals(submission: SubmissionContext, entryPath: string): void {
  globalThis[Symbol.for('millrace.worker') as never] = true as never;
  process.argv = [process.execPath, entryPath, ...submission.args];
  const kept = Object.entries(process.env).filter(([name]) => KEPT_VARIABLES.includes(name));
  process.env = { ...Object.fromEntries(kept), ...submission.environment };
}
