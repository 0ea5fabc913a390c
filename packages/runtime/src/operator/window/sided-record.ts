// The records of a window that joins two streams: each is of the side whose input it came over.
import type { StreamNode } from '@millrace/api';
import type { StageBody } from '../chain-stage.ts';

/** The record at hand came over the second of two inputs. */
export function isOfRight({ inputEdge }: StageBody, { inputs }: StreamNode): boolean {
  return inputs.length > 1 && inputEdge === inputs[1];
}

/** Expression of the record with its side, where windows join; else of the record itself. */
export function recordWithSide(body: StageBody, node: StreamNode, record: string): string {
  if (node.inputs.length === 1) return record;
  return `{ side: '${isOfRight(body, node) ? 'right' : 'left'}', record: ${record} }`;
}
