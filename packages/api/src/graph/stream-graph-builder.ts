// Gathers transformations while the program's build function runs, and makes the StreamGraph of them.
import { MillraceError } from '@millrace/common';
import type { JobOptionsJson } from '@millrace/proto';
import type { Sink } from '../connector/sink.ts';
import type { DeadLetter } from '../failure/dead-letter.ts';
import type { Operator } from './operator.ts';
import { withDeadLetterSinks } from './dead-letter-nodes.ts';
import { assignUids } from './operator-uid.ts';
import type { StreamEdge, StreamGraph, StreamNode } from './stream-graph.ts';
import { invalidGraph, Transformation, type StreamOutlet } from './transformation.ts';
import { validateStreamGraph } from './validate-stream-graph.ts';

/** Operators of a job at most. */
const OPERATORS_MAX = 1_000;

/** Gathers transformations, then gives the graph. Contract: `build` is called once; nothing can be added after it. */
export class StreamGraphBuilder {
  readonly #transformations: Transformation[] = [];
  #isSealed = false;

  /** @throws {MillraceError} MR_GRAPH_INVALID after {@link build}, or for an input of another job's */
  add(operator: Operator, inputs: readonly StreamOutlet[], defaultName: string): Transformation {
    this.checkOpen();
    for (const input of inputs) {
      if (this.#transformations[input.from.id] !== input.from) {
        throw invalidGraph(
          `Cannot connect "${defaultName}" to a stream of another job: use streams of one \`env\` only`,
        );
      }
      input.from.consumerCount++;
    }
    if (this.#transformations.length >= OPERATORS_MAX)
      throw invalidGraph(`Cannot build a job of more than ${OPERATORS_MAX} operators: split it`);
    const transformation = new Transformation(this.#transformations.length, operator, {
      inputs,
      defaultName,
    });
    this.#transformations.push(transformation);
    return transformation;
  }

  /** @throws {MillraceError} MR_GRAPH_INVALID when the graph is built already */
  checkOpen(): void {
    if (!this.#isSealed) return;
    throw invalidGraph(
      'Cannot change a job whose graph is built: call the API inside the build function of defineJob(), synchronously',
    );
  }

  /**
   * Returns the finished graph, checked.
   * @throws {MillraceError} MR_NO_GRAPH, MR_GRAPH_INVALID, MR_DUPLICATE_UID, MR_OPTION_INVALID
   */
  build(
    name: string,
    {
      options,
      deadLetters,
    }: { readonly options: JobOptionsJson; readonly deadLetters: Sink<DeadLetter> | undefined },
  ): StreamGraph {
    this.#isSealed = true;
    const uids = assignUids(this.#transformations);
    checkUnique(uids, this.#transformations);
    const own = this.#transformations.map((transformation) =>
      toNode(transformation, uids[transformation.id] ?? ''),
    );
    const nodes = withDeadLetterSinks(own, deadLetters);
    const graph: StreamGraph = Object.freeze({ version: 1, name, options, nodes: Object.freeze(nodes) });
    validateStreamGraph(graph);
    return graph;
  }
}

function toNode(transformation: Transformation, uid: string): StreamNode {
  const { id, operator, parallelism, onError } = transformation;
  return Object.freeze({
    id,
    uid,
    isUidExplicit: transformation.uid !== undefined,
    name: transformation.name ?? transformation.defaultName,
    operator: Object.freeze(operator),
    ...(parallelism === undefined ? {} : { parallelism }),
    ...(onError === undefined ? {} : { onError: Object.freeze(onError) }),
    inputs: Object.freeze(transformation.inputs.map((input) => toEdge(input, transformation))),
  });
}

function toEdge(
  { from, partitioning, sideOutput, keySelector }: StreamOutlet,
  to: Transformation,
): StreamEdge {
  return Object.freeze({
    from: from.id,
    // Subtask i can send to subtask i only where there are equally many.
    partitioning:
      partitioning === 'forward' && from.parallelism !== to.parallelism ? 'rebalance' : partitioning,
    ...(sideOutput === undefined ? {} : { sideOutput }),
    ...(keySelector === undefined ? {} : { keySelector }),
    ...(isPreAggregated(to) ? { isPreAggregated: true } : {}),
  });
}

/**
 * True when records can be summed up before the exchange, and nobody wants to see those that fail, or are late, as they are. Of a
 * window: each slice's accumulators can be merged, and slices are known from event time alone. Of a running aggregate: not every
 * record has a result of its own. Source: Flink's local-global aggregation.
 */
function isPreAggregated({ operator, onError }: Transformation): boolean {
  if (onError !== undefined) return false;
  if (operator.kind === 'groupAggregate')
    return (
      !operator.isOfChanges &&
      operator.input === 'append' &&
      (operator.miniBatch !== undefined || operator.emit === 'append')
    );
  return (
    operator.kind === 'window' &&
    operator.strategy === 'slices' &&
    operator.emit === 'append' &&
    operator.function.kind === 'aggregate' &&
    operator.assigner.timeDomain === 'event' &&
    operator.lateOutput === undefined
  );
}

function checkUnique(uids: readonly string[], transformations: readonly Transformation[]): void {
  const seen = new Map<string, Transformation>();
  for (const transformation of transformations) {
    const uid = uids[transformation.id] ?? '';
    const other = seen.get(uid);
    if (other !== undefined) {
      const names = [other, transformation].map((each) => `"${each.name ?? each.defaultName}"`).join(' and ');
      throw new MillraceError(
        'MR_DUPLICATE_UID',
        `Cannot give uid "${uid}" to ${names}: a uid names one operator; change one of them`,
        {
          details: { uid },
        },
      );
    }
    seen.set(uid, transformation);
  }
}
