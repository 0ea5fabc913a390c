// Records that a job left out: how many, and the newest of them.
import type { DroppedSample, JobStatus, VertexProgress } from '@millrace/proto';

/** Samples that are shown of a job. */
const SAMPLES_SHOWN_MAX = 5;
const RAW_SHOWN_CHARS_MAX = 120;

/** Causes that are always named, so that a script may read them without asking. */
const NONE_DROPPED = { late: 0, skipped: 0, deadLettered: 0 };

export type Dropped = { readonly [cause: string]: number } & typeof NONE_DROPPED;

/** Of one vertex, by cause. */
export function droppedOfVertex(vertex: VertexProgress): Dropped {
  return { ...NONE_DROPPED, ...vertex.dropped };
}

/** Of all vertices, by cause. */
export function droppedOf(job: JobStatus): Dropped {
  const dropped: Record<string, number> & typeof NONE_DROPPED = { ...NONE_DROPPED };
  for (const vertex of job.vertices) {
    for (const [cause, count] of Object.entries(vertex.dropped))
      dropped[cause] = (dropped[cause] ?? 0) + count;
  }
  return dropped;
}

/** `late 0, skipped 0, dead-lettered 0` */
export function droppedText(job: JobStatus): string {
  const { late, skipped, deadLettered } = droppedOf(job);
  return `late ${late}, skipped ${skipped}, dead-lettered ${deadLettered}`;
}

/** The newest of all vertices, the newest last. */
export function newestDropped(job: JobStatus): readonly DroppedSample[] {
  return job.vertices
    .flatMap(({ droppedSamples = [] }) => droppedSamples)
    .sort((a, b) => a.atMs - b.atMs)
    .slice(-SAMPLES_SHOWN_MAX);
}

/** Lines of `describe` about the newest records that were left out. */
export function sampleLines(job: JobStatus): string[] {
  const samples = newestDropped(job);
  if (samples.length === 0) return [];
  return [
    '',
    'Newest records that were left out',
    ...samples.flatMap(({ cause, operator, subtaskIndex, position, code, reason, raw }) => [
      `  ${cause === 'deadLettered' ? 'dead-lettered' : cause} by "${operator}", subtask ${subtaskIndex}${position === '' ? '' : `, at ${position}`}`,
      `    ${code === '' ? '' : `${code}: `}${oneLine(reason)}`,
      `    ${oneLine(raw)}`,
    ]),
  ];
}

function oneLine(text: string): string {
  const line = text.replaceAll(/\s+/gu, ' ').trim();
  return line.length <= RAW_SHOWN_CHARS_MAX ? line : `${line.slice(0, RAW_SHOWN_CHARS_MAX)}…`;
}
