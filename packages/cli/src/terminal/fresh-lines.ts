// Which printed lines were not shown yet, and how many never came: a line that waits too long on the way is left out.
import { OUTPUT_LINES_OF_ATTEMPT, type OutputLine } from '@millrace/proto';

/** Bounds: one number per printing subtask. */
export class FreshLines {
  readonly #next = new Map<string, number>();
  #leftOutCount = 0;

  /** Lines that never came, as the numbers of those behind them tell. */
  get leftOutCount(): number {
    return this.#leftOutCount;
  }

  /** Those of `lines` that were not taken before, in their order. */
  take(lines: readonly OutputLine[]): OutputLine[] {
    return lines.filter((line) => this.#isFresh(line));
  }

  #isFresh({ nodeId, subtaskIndex, sequence }: OutputLine): boolean {
    const key = `${nodeId}/${subtaskIndex}`;
    const next = this.#next.get(key) ?? 0;
    if (sequence < next) return false;
    // With another parallelism a subtask begins again at a round number of its own.
    const first = sequence - (sequence % OUTPUT_LINES_OF_ATTEMPT);
    this.#leftOutCount += sequence - Math.max(next, first);
    this.#next.set(key, sequence + 1);
    return true;
  }
}
