// What an attached run shows while the job works: a few lines redrawn in place on a terminal, plain lines elsewhere.
import { WATERMARK_END_MS } from '@millrace/common';
import type { JobStatus } from '@millrace/proto';
import { formatBytes, formatCount, formatDuration } from './table.ts';

/** Where text goes. A terminal can redraw; anything else gets whole lines. */
export interface Screen {
  readonly isTerminal: boolean;
  readonly columns: number;
  write(text: string): void;
}

const BAR_CELLS = 24;
const PLAIN_INTERVAL_MS = 1_000;
const REDRAW_INTERVAL_MS = 100;
/** Records a second are measured over the last samples up to this age. */
const RATE_WINDOW_MS = 2_000;

/** Shows a job's status again and again. Threading: one thread. */
export class ProgressDisplay {
  readonly #screen: Screen;
  readonly #nowMs: () => number;
  readonly #startedMs: number;
  #drawnLines = 0;
  #lastDrawnMs = -Infinity;
  #lastState = '';
  #isPaused = false;
  #samples: { readonly ms: number; readonly records: number }[] = [];

  constructor(screen: Screen, nowMs: () => number) {
    this.#screen = screen;
    this.#nowMs = nowMs;
    this.#startedMs = nowMs();
  }

  /** Shows `status`, unless the last drawing was only just now. A change of state is always shown. */
  show(status: JobStatus): void {
    const nowMs = this.#nowMs();
    this.#sample(nowMs, status.recordsRead);
    if (this.#isPaused) return;
    const intervalMs = this.#screen.isTerminal ? REDRAW_INTERVAL_MS : PLAIN_INTERVAL_MS;
    if (status.state === this.#lastState && nowMs - this.#lastDrawnMs < intervalMs) return;
    this.#lastDrawnMs = nowMs;
    this.#lastState = status.state;
    const elapsedMs = nowMs - this.#startedMs;
    if (this.#screen.isTerminal) this.#redraw(terminalLines(status, this.#rate(), elapsedMs));
    else this.#screen.write(`${plainLine(status, this.#rate(), elapsedMs)}\n`);
  }

  /** Writes lines above the progress. */
  print(lines: readonly string[]): void {
    this.clear();
    for (const line of lines) this.#screen.write(`${line}\n`);
    this.#lastDrawnMs = this.#screen.isTerminal ? -Infinity : this.#lastDrawnMs;
  }

  /** Leaves the terminal to a question; what is shown until {@link resume} is not drawn. */
  pause(): void {
    this.clear();
    this.#isPaused = true;
  }

  /** Draws again, with the next status. */
  resume(): void {
    this.#isPaused = false;
    this.#lastDrawnMs = -Infinity;
  }

  /** Takes the redrawn lines off the terminal. */
  clear(): void {
    if (this.#drawnLines > 0) this.#screen.write(`\r\u001B[${this.#drawnLines}A\u001B[0J`);
    this.#drawnLines = 0;
  }

  #redraw(lines: readonly string[]): void {
    this.clear();
    const width = Math.max(20, this.#screen.columns - 1);
    for (const line of lines) this.#screen.write(`${line.slice(0, width)}\n`);
    this.#drawnLines = lines.length;
  }

  #sample(ms: number, records: number): void {
    const last = this.#samples.at(-1);
    if (last !== undefined && records < last.records) this.#samples = []; // The job went back to a checkpoint.
    this.#samples.push({ ms, records });
    while (this.#samples.length > 2 && ms - (this.#samples[0]?.ms ?? ms) > RATE_WINDOW_MS)
      this.#samples.shift();
  }

  #rate(): number {
    const first = this.#samples[0];
    const last = this.#samples.at(-1);
    if (first === undefined || last === undefined || last.ms <= first.ms) return 0;
    return ((last.records - first.records) * 1_000) / (last.ms - first.ms);
  }
}

function terminalLines(status: JobStatus, rate: number, elapsedMs: number): string[] {
  const share = status.inputShare;
  const bar =
    share === undefined
      ? ''
      : `  ${'█'.repeat(Math.round(share * BAR_CELLS)).padEnd(BAR_CELLS, '░')} ${percent(share)}`;
  return [
    `${status.name}  ${status.state}${slotsNote(status)}  ${formatDuration(elapsedMs)}${status.restartCount > 0 ? `  (${status.restartCount} restarts)` : ''}`,
    `  read         ${formatCount(status.recordsRead)} records${bar}  ${formatCount(rate)}/s`,
    `  watermark    ${formatWatermark(status.watermarkMs)}`,
    `  checkpoints  ${status.checkpoints.completedCount} completed, ${status.checkpoints.failedCount} failed`,
    `  state        ${formatBytes(status.stateBytes)}`,
  ];
}

function plainLine(status: JobStatus, rate: number, elapsedMs: number): string {
  const share = status.inputShare === undefined ? '' : ` (${percent(status.inputShare)})`;
  return (
    `[${formatDuration(elapsedMs).padStart(7)}] ${status.state}${slotsNote(status)}  read ${formatCount(status.recordsRead)}${share}  ` +
    `${formatCount(rate)}/s  watermark ${formatWatermark(status.watermarkMs)}  ` +
    `checkpoints ${status.checkpoints.completedCount}  state ${formatBytes(status.stateBytes)}` +
    (status.restartCount > 0 ? `  restarts ${status.restartCount}` : '')
  );
}

/** How many slots a job has whose number changes. */
function slotsNote({ parallelism, isAutoParallel = false, rescaleCount = 0 }: JobStatus): string {
  if (!isAutoParallel && rescaleCount === 0) return '';
  return ` on ${parallelism} ${parallelism === 1 ? 'slot' : 'slots'}`;
}

function percent(share: number): string {
  return `${Math.floor(share * 100)} %`;
}

/** 2001-04-20 13:05, `end` after the last record, `-` before the first. */
export function formatWatermark(watermarkMs: number | null): string {
  if (watermarkMs === null || watermarkMs === -Infinity) return '-';
  if (watermarkMs >= WATERMARK_END_MS) return 'end';
  return new Date(watermarkMs).toISOString().slice(0, 16).replace('T', ' ');
}
