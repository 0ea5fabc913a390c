// What becomes of records that come too late for their windows.
import type { StreamNode, WindowSpec } from '@millrace/api';
import type { DroppedTally } from '../../chain/dropped-records.ts';
import type { StageBody } from '../chain-stage.ts';
import { recordWithSide } from './sided-record.ts';

/** Text that counts the late record at hand, and sends it to the side output if there is one; `count`: records that it stands for. */
export function emitLate(
  body: StageBody,
  { node, tally }: { readonly node: StreamNode; readonly tally: DroppedTally },
  { lateOutput }: WindowSpec,
  count: string,
): string {
  const { unit, record, timestampMs } = body;
  const late = unit.bind(tally, 'tally');
  const counted = `${late}.countLate(${count}, ${late}.samplesLate ? ${record.again(false)} : undefined, ${body.row});`;
  if (lateOutput === undefined) return counted;
  if (node.inputs.length === 1) return `${counted}\n${body.side(lateOutput, record, timestampMs)}`;
  const sided = unit.fresh('sided');
  return `${counted}\nconst ${sided} = ${recordWithSide(body, node, record.whole())};\n${body.side(lateOutput, sided, timestampMs)}`;
}
