// The sinks of dead letters that a program does nothing with, one behind each source and operator that has any.
import type { Sink } from '../connector/sink.ts';
import { DEAD_LETTERS, type DeadLetter } from '../failure/dead-letter.ts';
import type { FailurePolicy } from '../failure/failure-policy.ts';
import type { StreamNode } from './stream-graph.ts';

/** True when records that fail here go to the dead letters. */
export function hasDeadLetters({ operator, onError }: StreamNode): boolean {
  return (
    onError?.action === 'dead-letter' ||
    (operator.kind === 'source' && operator.onMalformed.action === 'dead-letter')
  );
}

/**
 * Returns the nodes with a sink for each one whose dead letters nobody reads. The sinks come last, so that the ids of the
 * program's own operators are what they would be without; each runs in its producer's chain and costs nothing until
 * something fails. Without a sink such records are only counted: as skipped.
 */
export function withDeadLetterSinks(
  nodes: readonly StreamNode[],
  sink: Sink<DeadLetter> | undefined,
): readonly StreamNode[] {
  const isRead = (id: number): boolean =>
    nodes.some(({ inputs }) => inputs.some((edge) => edge.from === id && edge.sideOutput === DEAD_LETTERS));
  const unread = nodes.filter((node) => hasDeadLetters(node) && !isRead(node.id));
  if (sink === undefined) return nodes.map((node) => (unread.includes(node) ? skipping(node) : node));
  return [...nodes, ...unread.map((node, index) => sinkBehind(node, sink, nodes.length + index))];
}

function sinkBehind(node: StreamNode, sink: Sink<DeadLetter>, id: number): StreamNode {
  return Object.freeze({
    id,
    uid: `${node.uid}/dead-letters`,
    isUidExplicit: node.isUidExplicit,
    name: `dead letters of ${node.name}`,
    operator: Object.freeze({ kind: 'sink', sink: sink as unknown as Sink<unknown> }),
    ...(node.parallelism === undefined ? {} : { parallelism: node.parallelism }),
    isImplicit: true,
    inputs: Object.freeze([
      Object.freeze({ from: node.id, partitioning: 'forward', sideOutput: DEAD_LETTERS }),
    ]),
  });
}

function skipping(node: StreamNode): StreamNode {
  const { operator, onError } = node;
  return Object.freeze({
    ...node,
    operator:
      operator.kind === 'source'
        ? Object.freeze({ ...operator, onMalformed: skippingPolicy(operator.onMalformed) })
        : operator,
    ...(onError === undefined ? {} : { onError: skippingPolicy(onError) }),
  });
}

function skippingPolicy(policy: FailurePolicy): FailurePolicy {
  return policy.action === 'dead-letter' ? Object.freeze({ ...policy, action: 'skip' }) : policy;
}
