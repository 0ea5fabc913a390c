// Who may write to a table: its last attempt, and nobody who was stopped for long and does not know that there is another one.
import { MillraceError, type FilePort } from '@millrace/api';

/** One deployment of a job's sink: what an earlier one of the same run still does when a later one writes counts for nothing. */
export interface TableWriter {
  readonly runId: string;
  readonly attemptNumber: number;
}

/*
 * Hidden names => beside the rows of a table
 *   .writer-<run>-<attempt>              the fence of an attempt: it may give names while this is there. Empty
 *   .rows-000-<run>-<attempt>.jsonl      a bucket that is being written anew; .table-<run>-<attempt>.json the manifest
 *   run      hexadecimal digits of the bytes of the run's id
 */
const OWN = /^\.(writer|table|rows-\d{3,})-([0-9a-f]+)-(\d+)(?:\.jsonl?)?$/u;

interface OwnName {
  readonly kind: string;
  readonly run: string;
  readonly attemptNumber: number;
}

/** What is written by an attempt that may be over; undefined for any other name. */
function parseName(name: string): OwnName | undefined {
  const [, kind = '', run = '', attemptNumber = ''] = OWN.exec(name) ?? [];
  return kind === '' ? undefined : { kind, run, attemptNumber: Number(attemptNumber) };
}

/** What the attempts of other runs have left hidden, in the order in which it is to be removed. */
export function hiddenOfOthers(
  names: readonly string[],
  runId: string,
): { readonly fences: readonly string[]; readonly halfWritten: readonly string[] } {
  const others = names.filter((name) => {
    const parsed = parseName(name);
    return parsed !== undefined && parsed.run !== encodeRun(runId);
  });
  const isFence = (name: string): boolean => parseName(name)?.kind === 'writer';
  return { fences: others.filter(isFence), halfWritten: others.filter((name) => !isFence(name)) };
}

function encodeRun(runId: string): string {
  return Buffer.from(runId, 'utf8').toString('hex');
}

function encodeWriter({ runId, attemptNumber }: TableWriter): string {
  return `${encodeRun(runId)}-${attemptNumber}`;
}

/**
 * The right of one attempt to give files of a table their names, until another one takes it.
 *
 * A rename replaces whatever has the name, so that a process which was stopped right before one would undo what came since. Hence each attempt writes
 * files under hidden names of its own, and looks for its fence between a file and its rename. The next attempt first removes the fences of others,
 * then their hidden files, and only then reads the table. A rename whose look came before its fence was removed has a source that was there before
 * that, too: either it is over when the next attempt has removed the hidden files, and before that one reads anything, or its source is gone.
 * Source: the fencing of a predecessor before its log is read, as HDFS and BookKeeper have it; a directory without compare-and-swap is enough.
 */
export class TableFence {
  readonly #files: FilePort;
  readonly #directory: string;
  readonly #writer: TableWriter;
  readonly #path: string;

  private constructor(files: FilePort, directory: string, writer: TableWriter) {
    this.#files = files;
    this.#directory = directory;
    this.#writer = writer;
    this.#path = `${directory}/.writer-${encodeWriter(writer)}`;
  }

  /**
   * Takes the table from every other attempt: none of them gives a file a name when it resolves.
   * @throws {MillraceError} MR_SINK_COMMIT when a later attempt of the same run has it
   */
  static async take(files: FilePort, directory: string, writer: TableWriter): Promise<TableFence> {
    const fence = new TableFence(files, directory, writer);
    await files.remove(fence.#path); // A committer of this attempt that is opened again.
    await files.create(fence.#path).syncAndClose();
    const others = await fence.#others();
    if (others.some(({ isLater }) => isLater)) {
      await files.remove(fence.#path);
      throw fence.#outdone();
    }
    for (const { name, kind } of others) if (kind === 'writer') await files.remove(`${directory}/${name}`);
    // Listed again: what they began before their fences went.
    for (const { name, kind, isLater } of await fence.#others())
      if (kind !== 'writer' && !isLater) await files.remove(`${directory}/${name}`);
    return fence;
  }

  /** Hidden names of other attempts, and whether they are of a later one of this run. */
  async #others(): Promise<readonly (OwnName & { readonly name: string; readonly isLater: boolean })[]> {
    const own = parseName(`.writer-${encodeWriter(this.#writer)}`);
    return (await this.#files.list(this.#directory)).flatMap((name) => {
      const parsed = parseName(name);
      if (parsed === undefined || own === undefined) return [];
      const isOfRun = parsed.run === own.run;
      if (isOfRun && parsed.attemptNumber === own.attemptNumber) return [];
      return [{ ...parsed, name, isLater: isOfRun && parsed.attemptNumber > own.attemptNumber }];
    });
  }

  /**
   * Writes a file beside the one of this name, then gives it the name; durable once its directory is synced.
   * @throws {MillraceError} MR_SINK_COMMIT when another attempt has taken the table meanwhile, and the file that has the name stays
   */
  async replaceFile(name: string, text: string): Promise<void> {
    const next = `${this.#directory}/${this.#hiddenName(name)}`;
    await this.#files.remove(next);
    const appender = this.#files.create(next);
    appender.append(Buffer.from(text, 'utf8'));
    await appender.syncAndClose();
    if (!(await this.#isThere())) {
      await this.#files.remove(next);
      throw this.#outdone();
    }
    try {
      await this.#files.rename(next, `${this.#directory}/${name}`);
    } catch (error) {
      if (!(await this.#isThere())) throw this.#outdone(error);
      throw error;
    }
  }

  async #isThere(): Promise<boolean> {
    return (await this.#files.stat(this.#path)) !== undefined;
  }

  /** `_table.json` → `.table-…json` */
  #hiddenName(name: string): string {
    return `.${name.replace(/^_/u, '').replace('.', `-${encodeWriter(this.#writer)}.`)}`;
  }

  #outdone(cause?: unknown): MillraceError {
    const { attemptNumber } = this.#writer;
    return new MillraceError(
      'MR_SINK_COMMIT',
      `Cannot write the table in "${this.#directory}" in attempt ${attemptNumber} of the job: another one has taken it since`,
      { details: { directory: this.#directory, attemptNumber }, cause },
    );
  }
}
