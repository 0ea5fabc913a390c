// The newest lines that a job printed, each once: what an attempt prints again after a restore is dropped.
import type { OutputLine } from '@millrace/proto';

/** Lines kept per job; older ones are forgotten. */
const OUTPUT_LINES_KEPT_MAX = 1_000;

/** Bounds: {@link OUTPUT_LINES_KEPT_MAX} lines and one number per printing subtask. */
export class OutputBuffer {
  #lines: OutputLine[] = [];
  readonly #nextSequence = new Map<string, number>();

  get lines(): readonly OutputLine[] {
    return this.#lines;
  }

  /** Forgets lines that will be printed again under other numbers. */
  retain(stays: (line: OutputLine) => boolean): void {
    this.#lines = this.#lines.filter(stays);
  }

  /** Takes lines in the order of each subtask's sequence. Returns those that are new. */
  add(lines: readonly OutputLine[]): readonly OutputLine[] {
    const fresh: OutputLine[] = [];
    for (const line of lines) {
      const subtask = `${line.nodeId}/${line.subtaskIndex}`;
      if (line.sequence < (this.#nextSequence.get(subtask) ?? 0)) continue;
      this.#nextSequence.set(subtask, line.sequence + 1);
      fresh.push(line);
    }
    if (fresh.length > 0) this.#lines = [...this.#lines, ...fresh].slice(-OUTPUT_LINES_KEPT_MAX);
    return fresh;
  }
}
