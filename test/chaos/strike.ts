// Carries out the strokes of a round against a living cluster, and keeps what each of them did.
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { JobWatch } from '../support/job-watch.ts';
import { findRunning, killNow } from '../support/processes.ts';
import { until } from '../support/until.ts';
import type { Stroke } from './kill-plan.ts';

/** The longest that the job may take to get from one stroke's place to the next, recovery included. */
const STEP_TIMEOUT_MS = 120_000;

/** A process that was killed. */
export interface Kill {
  readonly what: string;
  /** Wall clock, to tell whether the job ended before. */
  readonly atMs: number;
}

export interface StrikeOptions {
  readonly clusterDirectory: string;
  /** Where crash points are armed. */
  readonly armory: string;
  readonly watch: JobWatch;
}

/** Strikes in order, until all are done or the job has ended. Resolves to the kills that hit a living process. */
export async function strike(strokes: readonly Stroke[], options: StrikeOptions): Promise<Kill[]> {
  const kills: Kill[] = [];
  for (const stroke of strokes) {
    if (options.watch.hasEnded) break;
    kills.push(...(await strikeOnce(stroke, options)));
  }
  return kills;
}

async function strikeOnce(stroke: Stroke, options: StrikeOptions): Promise<Kill[]> {
  const { watch } = options;
  if (stroke.kind === 'submission') return [];
  if (!(await watch.reaches(({ inputShare = 0 }) => inputShare >= stroke.share, STEP_TIMEOUT_MS))) return [];
  if (stroke.kind === 'crash-point') return dieAt(stroke.point, options);
  if (stroke.kind === 'checkpoint') {
    const from = watch.latest?.checkpoints.lastCompletedId ?? 0;
    const isCompleted = await watch.reaches(
      ({ checkpoints }) => (checkpoints.lastCompletedId ?? 0) >= from + stroke.checkpoints,
      STEP_TIMEOUT_MS,
    );
    if (!isCompleted) return [];
  }
  const kills: Kill[] = [];
  for (const id of stroke.victims) kills.push(...(await killProcess(id, stroke.kind, options)));
  return kills;
}

/** A victim that is dead at the moment is waited for: the next of its name gets the blow. */
async function killProcess(
  id: string,
  placement: string,
  { clusterDirectory, watch }: StrikeOptions,
): Promise<Kill[]> {
  await until(() => findRunning(clusterDirectory, id) !== undefined || watch.hasEnded, {
    timeoutMs: STEP_TIMEOUT_MS,
    what: `a living ${id}`,
  });
  const victim = findRunning(clusterDirectory, id);
  if (watch.hasEnded || !killNow(victim)) return [];
  return [{ what: `${id} by ${placement}`, atMs: Date.now() }];
}

async function dieAt(point: string, { armory, watch }: StrikeOptions): Promise<Kill[]> {
  const path = join(armory, point);
  writeFileSync(path, '');
  await until(() => !existsSync(path) || watch.hasEnded, {
    timeoutMs: STEP_TIMEOUT_MS,
    what: `somebody to die at ${point}`,
  });
  if (!existsSync(path)) return [{ what: `somebody at ${point}`, atMs: Date.now() }];
  rmSync(path, { force: true });
  return [];
}
