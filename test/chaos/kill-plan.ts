// Which processes a round kills, and where: drawn from its seed.
import type { CrashPoint } from '@millrace/common/node';
import { Prng } from '@millrace/common';

/** Names of the processes of the cluster under test. */
const JOB_MANAGER = 'jobmanager';
const TASK_MANAGERS = ['taskmanager-1', 'taskmanager-2'] as const;

/**
 * One stroke. It waits until `share` of the input is read, and then
 * - `progress`: kills at once,
 * - `checkpoint`: kills as soon as `checkpoints` more are completed,
 * - `crash-point`: arms a point; whoever comes by dies there.
 * `submission` has the JobManager die when it has stored the job, before it answers.
 */
export type Stroke =
  | { readonly kind: 'submission' }
  | { readonly kind: 'progress'; readonly share: number; readonly victims: readonly string[] }
  | {
      readonly kind: 'checkpoint';
      readonly share: number;
      readonly checkpoints: number;
      readonly victims: readonly string[];
    }
  | { readonly kind: 'crash-point'; readonly share: number; readonly point: CrashPoint };

/** Points that every run with checkpoints comes by again and again. */
export const CRASH_POINTS = [
  'jobmanager-checkpoint-triggered',
  'jobmanager-metadata-written',
  'jobmanager-pointer-written',
  'taskmanager-checkpoint-acknowledged',
  'taskmanager-checkpoint-complete-received',
  'file-synced',
  'file-linked',
  'file-unlinked',
] as const satisfies readonly CrashPoint[];

/** A blow while the job recovers from the one before: whoever has just deployed a slot again dies. */
const SECOND_BLOW: Stroke = { kind: 'crash-point', share: 0, point: 'taskmanager-slot-deployed' };
/** Strokes of a round; one more than the five that must have an effect. */
const STROKES = 6;
/** No stroke is placed behind this share of the input, so that the job is there to be hit. */
const SHARE_MAX = 0.85;
const SUBMISSION_PROBABILITY = 0.3;
const SECOND_BLOW_PROBABILITY = 0.25;

/** The strokes of a round, in their order. Equal seeds give equal plans. */
export function planKills(seed: number): readonly Stroke[] {
  const random = new Prng(seed);
  const strokes: Stroke[] = random.next() < SUBMISSION_PROBABILITY ? [{ kind: 'submission' }] : [];
  const points = shuffled(CRASH_POINTS, random);
  while (strokes.length < STROKES) {
    const index = strokes.length;
    const share = ((index + random.next()) / STROKES) * SHARE_MAX;
    strokes.push(drawStroke(share, points[index % points.length] ?? 'file-linked', random));
    if (strokes.length < STROKES && random.next() < SECOND_BLOW_PROBABILITY) strokes.push(SECOND_BLOW);
  }
  return strokes;
}

function drawStroke(share: number, point: CrashPoint, random: Prng): Stroke {
  const kind = random.below(3);
  if (kind === 0) return { kind: 'progress', share, victims: drawVictims(random) };
  if (kind === 1)
    return { kind: 'checkpoint', share, checkpoints: 1 + random.below(2), victims: drawVictims(random) };
  return { kind: 'crash-point', share, point };
}

function drawVictims(random: Prng): readonly string[] {
  const taskManager = TASK_MANAGERS[random.below(TASK_MANAGERS.length)] ?? TASK_MANAGERS[0];
  const choice = random.below(10);
  if (choice < 4) return [taskManager];
  if (choice < 7) return [JOB_MANAGER];
  if (choice < 8) return [...TASK_MANAGERS];
  return shuffled([JOB_MANAGER, taskManager], random);
}

function shuffled<T>(items: readonly T[], random: Prng): T[] {
  const result = [...items];
  for (let index = result.length - 1; index > 0; index--) {
    const other = random.below(index + 1);
    [result[index], result[other]] = [result[other] as T, result[index] as T];
  }
  return result;
}
