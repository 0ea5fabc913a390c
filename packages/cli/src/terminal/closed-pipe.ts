// `millrace logs job | head`: the reader has seen enough and is gone. That ends the command; it is no error to report.
import type { EventEmitter } from 'node:events';

/** What a shell reports for a program that SIGPIPE ended: 128 + 13. */
const CLOSED_PIPE_EXIT_CODE = 141;

/** Calls `exit` when nobody reads `stream` any more. Other errors of the stream are thrown. */
export function exitWhenPipeCloses(stream: EventEmitter, exit: (exitCode: number) => void): void {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    exit(CLOSED_PIPE_EXIT_CODE);
  });
}
