// What `describe` says of event time: who holds it back, who waits for whom, and records from the future.
import type { JobStatus } from '@millrace/proto';

/** `, held back by split "…"`; '' where nothing is known to hold it back, or the job is over. */
export function heldBackBy({ vertices, watermarkMs, state }: JobStatus): string {
  const isOver = state === 'FINISHED' || state === 'FAILED' || state === 'CANCELED';
  const holder = vertices.findLast(
    (vertex) => vertex.watermarkMs === watermarkMs && vertex.watermarkSplit !== undefined,
  );
  return isOver || holder?.watermarkSplit === undefined
    ? ''
    : `, held back by split "${holder.watermarkSplit}"`;
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
