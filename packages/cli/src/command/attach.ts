// Stays with a job: progress, what it prints, its end. Ctrl-C asks, then cancels cleanly.
import { createInterface } from 'node:readline';
import { isMillraceError, type JobId, type WireError } from '@millrace/common';
import type { JobEvent, JobStatus, OutputLine } from '@millrace/proto';
import { ExitCode } from '../exit-code.ts';
import { FreshLines } from '../terminal/fresh-lines.ts';
import { OutputTables } from '../terminal/output-tables.ts';
import { ProgressDisplay, type Screen } from '../terminal/progress.ts';
import { describeWireError } from '../terminal/show-error.ts';
import { formatBytes, formatCount, formatDuration } from '../terminal/table.ts';
import { isEnded, printJson } from './context.ts';
import { jobJson } from './describe.ts';
import { droppedOf, droppedText } from './dropped.ts';

/** What a job can be followed through: a cluster's dispatcher, or the cluster in this process. */
export interface JobClient {
  /** Gives every event of a job; resolves after the last. */
  watch(jobId: JobId, onEvent: (event: JobEvent) => void): Promise<void>;
  cancel(jobId: JobId): Promise<void>;
}

export interface AttachOptions {
  readonly jobId: JobId;
  readonly isJson: boolean;
  readonly sinkPaths: readonly string[];
  /** Where dead letters are written that the program does nothing with. */
  readonly deadLetterPaths: readonly string[];
  /** `performance.now()` of the submission. */
  readonly startedMs: number;
  /** A job in this process ends with it. Default false. */
  readonly isEmbedded?: boolean;
}

/** A job that goes on without the JobManager answering is followed again this long before the command gives up. */
const REATTACH_TIMEOUT_MS = 60_000;
const REATTACH_DELAY_MS = 200;

/** Printed lines that the JSON document has at most; a job that prints more should write to a sink. */
const PRINTED_LINES_MAX = 10_000;
/** Lines that a JobManager keeps of a job: as many may be fewer than there were. */
const LINES_KEPT_MAX = 1_000;

/** A pseudo-terminal that nobody has sized says 0 columns. */
const COLUMNS_DEFAULT = 100;

/** Standard error carries the progress, so that standard output has only what the job printed. */
function standardScreen(): Screen {
  return {
    isTerminal: process.stderr.isTTY === true,
    columns: process.stderr.columns || COLUMNS_DEFAULT,
    write: (text) => void process.stderr.write(text),
  };
}

/** Follows the job to its end. Resolves to the command's exit code. */
export async function attach(client: JobClient, options: AttachOptions): Promise<ExitCode> {
  const view = new JobView(options);
  const interrupt = interruptOnce(client, options, view);
  try {
    const last = await follow(client, options, view);
    return view.end(last, interrupt.wasInterrupted());
  } finally {
    interrupt.release();
  }
}

/** Receives events until the job has ended, and attaches again when the JobManager was started anew in between. */
async function follow(
  client: JobClient,
  { jobId, isEmbedded }: AttachOptions,
  view: JobView,
): Promise<JobStatus> {
  let lostMs: number | undefined;
  for (;;) {
    let last: JobStatus | undefined;
    try {
      await client.watch(jobId, (event) => {
        lostMs = undefined;
        if (event.kind === 'status') {
          last = event.status;
          view.status(event.status);
        } else {
          view.output(event.lines);
        }
      });
      if (last !== undefined && isEnded(last)) {
        if ((last.rescaleCount ?? 0) > 0) await tableAgain(client, jobId, view);
        return last;
      }
    } catch (error) {
      if (isEmbedded === true || (isMillraceError(error) && error.code === 'MR_JOB_NOT_FOUND')) throw error;
      lostMs ??= performance.now();
      if (performance.now() - lostMs > REATTACH_TIMEOUT_MS) throw error;
      view.lost();
    }
    await new Promise((resolve) => setTimeout(resolve, REATTACH_DELAY_MS));
  }
}

/** A change of parallelism takes rows back that are printed again: the JobManager knows which count. */
async function tableAgain(client: JobClient, jobId: JobId, view: JobView): Promise<void> {
  const lines: OutputLine[] = [];
  await client.watch(jobId, (event) => {
    if (event.kind === 'output') lines.push(...event.lines);
  });
  view.replaceRows(lines);
}

/** What the person at the terminal sees of one job. */
class JobView {
  readonly #options: AttachOptions;
  readonly #progress: ProgressDisplay;
  #tables = new OutputTables();
  readonly #lines = new FreshLines();
  #isLost = false;
  #shownError = '';
  #jobName = '';
  /** For `--json`: what was printed, as far as it is kept. */
  readonly #printed: string[] = [];

  constructor(options: AttachOptions) {
    this.#options = options;
    this.#progress = new ProgressDisplay(standardScreen(), () => performance.now());
  }

  status(status: JobStatus): void {
    this.#isLost = false;
    this.#jobName = status.name;
    if (this.#options.isJson) return;
    if (status.error !== undefined && status.state !== 'FAILING' && !isEnded(status))
      this.#failure(status.error);
    this.#progress.show(status);
  }

  /** Why a job starts again is shown once for every error that is another than the last. */
  #failure(error: WireError): void {
    const key = `${error.code} ${error.message} ${error.cause?.message ?? ''}`;
    if (key === this.#shownError) return;
    this.#shownError = key;
    this.#progress.print(describeWireError(error));
  }

  get jobName(): string {
    return this.#jobName === '' ? this.#options.jobId.slice(0, 8) : this.#jobName;
  }

  /** Leaves the terminal to a question. */
  pause(): void {
    this.#progress.pause();
  }

  resume(): void {
    this.#progress.resume();
  }

  /** Lines that were seen already, before a re-attachment, are not shown again. */
  output(lines: readonly OutputLine[]): void {
    const fresh = this.#lines.take(lines);
    for (const line of fresh) if (line.form === 'row') this.#tables.add(line);
    const texts = fresh
      .filter(({ form }) => form === 'text')
      .map(({ subtaskIndex, text }) => `${subtaskIndex + 1}> ${text}`);
    if (this.#options.isJson) this.#printed.push(...texts.slice(0, PRINTED_LINES_MAX - this.#printed.length));
    if (texts.length === 0 || this.#options.isJson) return;
    this.#progress.clear();
    process.stdout.write(`${texts.join('\n')}\n`);
  }

  /** Shows these rows instead of those so far, if they are all that there are. */
  replaceRows(lines: readonly OutputLine[]): void {
    if (lines.length >= LINES_KEPT_MAX) return;
    this.#tables = new OutputTables();
    for (const line of lines) if (line.form === 'row') this.#tables.add(line);
  }

  lost(): void {
    if (this.#isLost || this.#options.isJson) return;
    this.#isLost = true;
    this.#progress.print(['The JobManager does not answer; waiting for it to come back']);
  }

  note(line: string): void {
    this.#progress.print([line]);
  }

  /** Shows how it ended. */
  end(status: JobStatus, wasInterrupted: boolean): ExitCode {
    this.#progress.clear();
    const elapsedMs = performance.now() - this.#options.startedMs;
    if (this.#options.isJson) {
      printJson({
        ...jobJson(status),
        seconds: elapsedMs / 1_000,
        printed: this.#printed,
        printedLeftOut: this.#lines.leftOutCount,
        tables: this.#tables.tables(),
        files: this.#options.sinkPaths,
        deadLetters: this.#options.deadLetterPaths,
      });
    } else {
      const lines = status.state === 'FINISHED' ? this.#tables.lines() : [];
      process.stdout.write(
        [...lines, '', ...summary(status, elapsedMs, this.#options), ...this.#leftOut(), ''].join('\n'),
      );
      if (status.error !== undefined && status.state === 'FAILED')
        process.stderr.write(
          `${[...describeWireError(status.error), ...this.#startAgain(status)].join('\n')}\n`,
        );
    }
    if (status.state === 'FAILED') return ExitCode.JobFailed;
    return status.state === 'CANCELED' && wasInterrupted ? ExitCode.Interrupted : ExitCode.Ok;
  }

  /** A job may print faster than a terminal takes it. */
  #leftOut(): string[] {
    const count = this.#lines.leftOutCount;
    if (count === 0) return [];
    return [
      `  printed      ${count.toLocaleString('en-US')} lines were left out: they came faster than they could be shown, and at most 32 MiB wait; write to a sink what has to be complete`,
    ];
  }

  /** Where the state of a failed job is; the error of a damaged checkpoint says it already. */
  #startAgain({ jobId, checkpoints, error }: JobStatus): string[] {
    const isThere = checkpoints.lastCompletedId !== undefined && this.#options.isEmbedded !== true;
    if (!isThere || error?.code === 'MR_CHECKPOINT_CORRUPT') return [];
    return [
      `Its checkpoints are kept: millrace checkpoints ${jobId}; to start again from the newest: millrace run -s ${jobId} <job.ts>`,
    ];
  }
}

function summary(
  status: JobStatus,
  elapsedMs: number,
  { sinkPaths, deadLetterPaths }: AttachOptions,
): string[] {
  const rate = (status.recordsRead * 1_000) / elapsedMs;
  const checkpoints = status.checkpoints;
  return [
    `Job ${status.name} (${status.jobId}) ${status.state} after ${formatDuration(elapsedMs)}`,
    `  records      ${status.recordsRead.toLocaleString('en-US')} read, ${formatCount(rate)}/s; ${droppedText(status)}`,
    `  checkpoints  ${checkpoints.completedCount} completed, ${checkpoints.failedCount} failed` +
      (checkpoints.lastBytes === undefined ? '' : `; the last has ${formatBytes(checkpoints.lastBytes)}`),
    ...deadLetterLines(status, deadLetterPaths),
    ...(status.restartCount > 0 ? [`  restarts     ${status.restartCount}`] : []),
    ...(status.savepoint === undefined ? [] : [`  savepoint    ${status.savepoint.path}`]),
    ...committedPaths(status, sinkPaths).map(
      (path, index) => `  ${index === 0 ? 'files       ' : '            '} ${path}`,
    ),
  ];
}

/** A job that failed before its first checkpoint has committed nothing. */
function committedPaths(status: JobStatus, sinkPaths: readonly string[]): readonly string[] {
  return status.state === 'FAILED' && status.checkpoints.completedCount === 0 ? [] : sinkPaths;
}

/** Where to look for records that failed; nothing is there when none did. */
function deadLetterLines(status: JobStatus, paths: readonly string[]): string[] {
  if (droppedOf(status).deadLettered === 0) return [];
  return paths.map((path, index) => `  ${index === 0 ? 'dead letters' : '            '} ${path}`);
}

/** First Ctrl-C: asks at a terminal, cancels elsewhere. Second: cancels. Third: leaves at once. */
function interruptOnce(
  client: JobClient,
  { jobId, isEmbedded }: AttachOptions,
  view: JobView,
): { wasInterrupted(): boolean; release(): void } {
  let count = 0;
  let isCancelling = false;
  let wasInterrupted = false;
  let prompt: ReturnType<typeof createInterface> | undefined;
  const cancel = (): void => {
    if (isCancelling) return;
    isCancelling = true;
    wasInterrupted = true;
    prompt?.close();
    view.note('Cancelling…');
    client.cancel(jobId).catch((error: unknown) => {
      // The next Ctrl-C tries again.
      isCancelling = false;
      count = 0;
      view.note(`Cannot cancel: ${error instanceof Error ? error.message : String(error)}`);
    });
  };
  const onInterrupt = (): void => {
    count++;
    if (count >= 3) process.exit(ExitCode.Interrupted);
    if (count === 2 || process.stdin.isTTY !== true) return cancel();
    view.pause();
    prompt = createInterface({ input: process.stdin, output: process.stderr });
    prompt.on('SIGINT', onInterrupt);
    // Whatever ends the question but yes, also Ctrl-D, leaves the job: the next Ctrl-C asks again.
    prompt.on('close', () => {
      view.resume();
      if (!isCancelling) count = 0;
    });
    const goesOn =
      isEmbedded === true ? 'It goes on otherwise.' : 'It goes on otherwise, also without this command.';
    prompt.question(`Cancel job ${view.jobName}? ${goesOn} [y/N] `, (answer) => {
      if (/^y(es)?$/i.test(answer.trim())) cancel();
      else prompt?.close();
    });
  };
  process.on('SIGINT', onInterrupt);
  return {
    wasInterrupted: () => wasInterrupted,
    release: () => {
      process.off('SIGINT', onInterrupt);
      prompt?.close();
    },
  };
}
