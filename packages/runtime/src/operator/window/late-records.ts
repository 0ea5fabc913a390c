// What becomes of records that come too late for their windows.
import type { WindowSpec } from '@millrace/api';
import type { DroppedTally } from '../../chain/dropped-records.ts';
import type { StageBody } from '../chain-stage.ts';

/** Text that sends the late record at hand to its side output, or counts it; `count`: records that it stands for. */
export function emitLate(body: StageBody, spec: WindowSpec, tally: DroppedTally, count: string): string {
  if (spec.lateOutput !== undefined) return body.side(spec.lateOutput, body.record, body.timestampMs);
  const late = body.unit.bind(tally, 'tally');
  return `${late}.countLate(${count}, ${late}.samplesLate ? ${body.record.again(false)} : undefined, ${body.row});`;
}
