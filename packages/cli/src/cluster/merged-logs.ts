// The log files of a cluster's processes read as one, and what can be learned from them while no JobManager answers.
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { MillraceError } from '@millrace/common';

interface LogCursor {
  readonly lines: AsyncIterator<string>;
  line: string;
  /** Of the line, or of the last one before it that has a time: a stack trace stays with its event. */
  timeMs: number;
}

/** Yields the lines of all files in the order of their times; lines of equal times in the order of the files. */
export async function* mergedLines(paths: readonly string[]): AsyncGenerator<string> {
  const cursors: LogCursor[] = [];
  for (const path of paths) {
    const lines = createInterface({ input: createReadStream(path), crlfDelay: Infinity })[
      Symbol.asyncIterator
    ]();
    const cursor = { lines, line: '', timeMs: -Infinity };
    if (await advance(cursor)) cursors.push(cursor);
  }
  for (;;) {
    let next = cursors[0];
    if (next === undefined) return;
    for (const cursor of cursors) if (cursor.timeMs < next.timeMs) next = cursor;
    yield next.line;
    if (!(await advance(next))) cursors.splice(cursors.indexOf(next), 1);
  }
}

/** False at the end of the file. */
async function advance(cursor: LogCursor): Promise<boolean> {
  const { done, value } = await cursor.lines.next();
  if (done === true) return false;
  cursor.line = value;
  const time = parseLogLine(value)?.['time'];
  if (typeof time === 'number') cursor.timeMs = time;
  return true;
}

/** The fields of a line that is one JSON object; undefined for any other. */
export function parseLogLine(line: string): Readonly<Record<string, unknown>> | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    return JSON.parse(line) as Record<string, unknown>;
  } catch {
    return undefined; // Half a line of a process that died.
  }
}

/**
 * The id of the job that `reference` names, by its name (then the newest) or a prefix of its id, as the JobManager logged
 * its submission; undefined when none was logged.
 * @throws {MillraceError} MR_JOB_AMBIGUOUS when the ids of several jobs begin with it
 */
export async function findLoggedJob(
  paths: readonly string[],
  reference: string,
): Promise<string | undefined> {
  let named: string | undefined;
  const begun = new Set<string>();
  for await (const line of mergedLines(paths)) {
    if (!line.includes('"job submitted"')) continue;
    const { jobId, name, msg } = parseLogLine(line) ?? {};
    if (msg !== 'job submitted' || typeof jobId !== 'string') continue;
    if (name === reference) named = jobId;
    if (jobId.startsWith(reference)) begun.add(jobId);
  }
  if (named !== undefined) return named;
  if (begun.size > 1) {
    throw new MillraceError(
      'MR_JOB_AMBIGUOUS',
      `Cannot tell which job "${reference}" is: ${begun.size} jobs fit (${[...begun].slice(0, 5).join(', ')}). Give more of the id`,
    );
  }
  return [...begun][0];
}
