// Logger of a worker thread: lines are written by the main thread, with the process's own logger.
import { toWireError, type LogFields, type Logger } from '@millrace/common';
import type { FromWorker, LogLevel } from './thread-messages.ts';

export function postingLogger(
  post: (message: FromWorker) => void,
  isDebugLogged: boolean,
  context: LogFields = {},
): Logger {
  const at =
    (level: LogLevel) =>
    (message: string, fields: LogFields = {}) =>
      post({ kind: 'log', level, message, fields: plainFields({ ...context, ...fields }) });
  return {
    error: at('error'),
    warn: at('warn'),
    info: at('info'),
    ...(isDebugLogged ? { debug: at('debug') } : {}),
    withContext: (more) => postingLogger(post, isDebugLogged, { ...context, ...more }),
  };
}

/** Only what structured clone takes, and takes whole. */
function plainFields(fields: LogFields): LogFields {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => {
      if (value instanceof Error) return [name, toWireError(value)];
      return [name, typeof value === 'function' || typeof value === 'symbol' ? String(value) : value];
    }),
  );
}
