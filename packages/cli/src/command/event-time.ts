// What `describe` says of event time: who holds it back, who waits for whom, and records from the future.
import type { JobStatus, VertexProgress } from '@millrace/proto';

/** `, held back by split "…" of "…"`; '' where nothing is known to hold it back, or the job is over. */
export function heldBackBy({ vertices, watermarkMs, state }: JobStatus): string {
  const isOver = state === 'FINISHED' || state === 'FAILED' || state === 'CANCELED';
  const isAt = (vertex: VertexProgress): boolean => vertex.watermarkMs === watermarkMs;
  const splitId = vertices.findLast(
    (vertex) => isAt(vertex) && vertex.watermarkSplit !== undefined,
  )?.watermarkSplit;
  // Sources come before what follows them, and are further on by now, mostly.
  const reader = vertices.find((vertex) => vertex.watermarkSplit === splitId);
  return isOver || splitId === undefined
    ? ''
    : `, held back by split "${splitId}" of "${reader?.name ?? ''}"`;
}

/** Lines below the table of vertices. */
export function timeLines({ vertices }: Pick<JobStatus, 'vertices'>): readonly string[] {
  const lines = vertices.flatMap(({ name, waitsFor, recordsAhead = 0 }) => [
    ...(waitsFor === undefined
      ? []
      : [`"${name}" waits for other sources of the alignment group "${waitsFor}"`]),
    ...(recordsAhead === 0
      ? []
      : [
          `${recordsAhead.toLocaleString('en-US')} records of "${name}" were too far ahead of the clock, and did not move its watermark`,
        ]),
  ]);
  return lines.length === 0 ? [] : ['', ...lines];
}
