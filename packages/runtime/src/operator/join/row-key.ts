// Inputs of table joins whose changes are all inserts, made of a stream's records: these travel, not the inserts.
import type { StreamEdge, StreamNode, UserFunction } from '@millrace/api';
import type { StageBody } from '../chain-stage.ts';

/**
 * The key of the rows that come over `edge`; undefined: changes do. Both sides of an edge have the same graph, so that each finds the same.
 */
export function rowKeyOf(consumer: StreamNode, edge: StreamEdge | undefined): UserFunction | undefined {
  const { operator, inputs, onError } = consumer;
  // What may become a dead letter is a change.
  if (operator.kind !== 'join' || operator.join.kind !== 'table' || onError !== undefined) return undefined;
  if (edge === undefined) return undefined;
  return edge === inputs[1] ? operator.join.rightRowKey : operator.join.leftRowKey;
}

/** The body where rows come, with the key of a row; undefined: changes do. */
export function rowBody(consumer: StreamNode, body: StageBody): StageBody | undefined {
  const { inputEdge } = body;
  const keySelector = rowKeyOf(consumer, inputEdge);
  if (inputEdge === undefined || keySelector === undefined) return undefined;
  return { ...body, inputEdge: { ...inputEdge, keySelector } };
}
