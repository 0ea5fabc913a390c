// What becomes of records that come too late for their windows.
import type { StreamNode, WindowSpec } from '@millrace/api';
import type { DroppedTally } from '../../chain/dropped-records.ts';
import type { StageBody } from '../chain-stage.ts';
import { recordWithSide } from './sided-record.ts';

/** Text that sends the late record at hand to its side output, or counts it; `count`: records that it stands for. */
export function emitLate(
  body: StageBody,
  { node, tally }: { readonly node: StreamNode; readonly tally: DroppedTally },
  { lateOutput }: WindowSpec,
  count: string,
): string {
  const { unit, record, timestampMs } = body;
  if (lateOutput === undefined) {
    const late = unit.bind(tally, 'tally');
    return `${late}.countLate(${count}, ${late}.samplesLate ? ${record.again(false)} : undefined, ${body.row});`;
  }
  if (node.inputs.length === 1) return body.side(lateOutput, record, timestampMs);
  const sided = unit.fresh('sided');
  return `const ${sided} = ${recordWithSide(body, node, record.whole())};\n${body.side(lateOutput, sided, timestampMs)}`;
}
