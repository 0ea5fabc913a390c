// Logger over pino: JSON lines to stdout or to a file.
import { pino, type Logger as PinoLogger } from 'pino';
import { toWireError, type LogFields, type Logger } from '@millrace/common';

export type LogLevelName = 'error' | 'warn' | 'info' | 'debug';

/** Makes a logger whose lines carry `component`. `file` absent: stdout. Writes are synchronous: a crash loses no line. */
export function pinoLogger(options: {
  readonly component: string;
  readonly level?: LogLevelName;
  readonly file?: string;
}): Logger {
  const root = pino(
    { level: options.level ?? 'info', base: { component: options.component } },
    pino.destination({ dest: options.file ?? 1, sync: true, mkdir: true }),
  );
  return adapt(root);
}

function adapt(log: PinoLogger): Logger {
  const at =
    (level: LogLevelName) =>
    (message: string, fields: LogFields = {}) =>
      log[level](plain(fields), message);
  return {
    ...(log.isLevelEnabled('error') ? { error: at('error') } : {}),
    ...(log.isLevelEnabled('warn') ? { warn: at('warn') } : {}),
    ...(log.isLevelEnabled('info') ? { info: at('info') } : {}),
    ...(log.isLevelEnabled('debug') ? { debug: at('debug') } : {}),
    withContext: (context) => adapt(log.child(plain(context))),
  };
}

/** Errors are logged whole, with code and causes. */
function plain(fields: LogFields): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [
      name,
      value instanceof Error ? toWireError(value) : value,
    ]),
  );
}
