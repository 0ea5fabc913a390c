// Logs of the processes: one JSON line an event, to standard output, which the supervisor sends to a file.
import { pino, type Logger as PinoLogger } from 'pino';
import type { LogFields, Logger } from '@millrace/common';

const LEVELS = ['error', 'warn', 'info', 'debug'] as const;
export type LogLevel = (typeof LEVELS)[number];

/** A {@link Logger} over pino. Levels below `level` are undefined, so that callers build nothing for them. */
export function processLogger(component: string, level: LogLevel): Logger {
  return adapt(
    pino({ level, base: { component, pid: process.pid } }, pino.destination({ dest: 1, sync: true })),
  );
}

function adapt(logger: PinoLogger): Logger {
  const adapted: Record<string, unknown> = {
    withContext: (context: LogFields) => adapt(logger.child(context)),
  };
  for (const level of LEVELS) {
    if (!logger.isLevelEnabled(level)) continue;
    adapted[level] = (message: string, fields?: LogFields) => logger[level](fields ?? {}, message);
  }
  return adapted as unknown as Logger;
}

/** The level that was asked for. */
export function asLogLevel(text: string | undefined): LogLevel {
  return LEVELS.find((level) => level === text) ?? 'info';
}
