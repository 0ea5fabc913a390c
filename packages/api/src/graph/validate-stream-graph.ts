// What can only be checked once the whole graph is there.
import { MillraceError } from '@millrace/common';
import { isChangelogOperator } from '../changelog/describe-changelog-operator.ts';
import { checkChangelogOperator } from '../changelog/validate-changelog-operator.ts';
import { DEAD_LETTERS } from '../failure/dead-letter.ts';
import type { JoinSpec } from '../join/join-spec.ts';
import { lateOutputsOf, needsEventTime } from '../join/describe-join.ts';
import { invalidOption } from '../options/check-options.ts';
import type { Operator, WatermarkSpec } from './operator.ts';
import { hasDeadLetters } from './dead-letter-nodes.ts';
import type { WindowSpec } from './window-spec.ts';
import type { StreamEdge, StreamGraph, StreamNode } from './stream-graph.ts';
import { invalidGraph } from './transformation.ts';

const ENDS = new Set<Operator['kind']>(['sink', 'forEach', 'print']);
/** Have an option `lateOutput`; windows those that join. */
const LATE_OUTPUTS = new Set<Operator['kind']>(['window', 'sort', 'percolate']);

/**
 * @throws {MillraceError} MR_NO_GRAPH for a graph without a source or without an end
 * @throws {MillraceError} MR_GRAPH_INVALID for windows and side outputs that can never give anything
 * @throws {MillraceError} MR_OPTION_INVALID for a parallelism above the number of key groups
 */
export function validateStreamGraph(graph: StreamGraph): void {
  checkEnds(graph);
  const facts: StreamFacts[] = [];
  for (const node of graph.nodes) {
    for (const edge of node.inputs) checkSideOutput(node, edge, graph);
    const fact = factsOf(node, facts);
    facts.push(fact);
    if (node.operator.kind === 'window') checkWindow(node, node.operator, fact);
    if (node.operator.kind === 'pattern') checkPatternTime(node, node.operator.timeDomain, facts);
    if (node.operator.kind === 'watermarks') checkWatermarks(node, node.operator.watermarks, facts);
    if (node.operator.kind === 'percolate' && node.operator.time === 'event') checkPercolateTime(node, facts);
    if (node.operator.kind === 'join') checkJoin(node, node.operator.join, facts);
    if (isChangelogOperator(node.operator)) checkChangelogOperator(node.name, node.operator, fact);
    if (node.parallelism !== undefined && node.parallelism > graph.options.keyGroupCount) {
      throw invalidOption(
        `Cannot run operator "${node.name}" with parallelism ${node.parallelism}: the job has ${graph.options.keyGroupCount} key groups; ` +
          'lower the parallelism or raise `keyGroups`',
      );
    }
  }
}

function checkEnds({ name, nodes }: StreamGraph): void {
  if (nodes.length === 0) {
    throw new MillraceError(
      'MR_NO_GRAPH',
      `Job "${name}" has no operators: call env.source(…) in the build function of defineJob()`,
    );
  }
  if (!nodes.some((node) => isEnd(node.operator) && node.isImplicit !== true)) {
    throw new MillraceError(
      'MR_NO_GRAPH',
      `Job "${name}" writes nothing: end a stream with .sink(…), .print() or .forEach(…)`,
    );
  }
}

function isEnd(operator: Operator): boolean {
  return ENDS.has(operator.kind) || (operator.kind === 'process' && operator.isEnd === true);
}

/** What is known of the records that leave a node. */
interface StreamFacts {
  readonly hasEventTime: boolean;
  /** Name of an unbounded source that they come from. */
  readonly unboundedSource: string | undefined;
  /** Name of the join that they come from in no order that a bound holds. */
  readonly disorderedBy: string | undefined;
}

function factsOf(node: StreamNode, known: readonly StreamFacts[]): StreamFacts {
  const { operator } = node;
  if (operator.kind === 'source') {
    return {
      hasEventTime: (operator.watermarks?.kind ?? 'none') !== 'none',
      unboundedSource: operator.source.boundedness === 'unbounded' ? node.name : undefined,
      disorderedBy: undefined,
    };
  }
  const inputs = node.inputs.flatMap((edge) => known[edge.from] ?? []);
  return {
    hasEventTime:
      operator.kind === 'watermarks'
        ? operator.watermarks.kind !== 'none'
        : inputs.every((input) => input.hasEventTime) && !isOfTheClock(operator),
    unboundedSource: inputs.find((input) => input.unboundedSource !== undefined)?.unboundedSource,
    disorderedBy: disorderedBy(node, inputs),
  };
}

/** These emit by the watermark of before. */
const ORDERING = new Set<Operator['kind']>(['window', 'sort', 'watermarks']);

/**
 * A pair of an interval join comes when the second of its records does. How far apart the sides are read is bounded by nothing:
 * of bounded input one may be read to its end before the other begins.
 */
function disorderedBy(node: StreamNode, inputs: readonly StreamFacts[]): string | undefined {
  const { operator } = node;
  if (ORDERING.has(operator.kind)) return undefined;
  if (operator.kind === 'join' && operator.join.kind === 'interval' && !isOfTheClock(operator))
    return node.name;
  return inputs.find((input) => input.disorderedBy !== undefined)?.disorderedBy;
}

function checkWatermarks(node: StreamNode, watermarks: WatermarkSpec, known: readonly StreamFacts[]): void {
  if (watermarks.kind !== 'bounded') return;
  const join = node.inputs.flatMap(({ from }) => known[from]?.disorderedBy ?? [])[0];
  if (join === undefined) return;
  throw invalidGraph(
    `Cannot use .watermarks() behind the interval join "${join}": its pairs come in no bounded order, and records would be lost as late; ` +
      "they have event time already, that of the side which `timestamp: 'left'` or 'right' of intervalJoin() says, for whose sake it holds watermarks back",
    { operator: node.name },
  );
}

/** What it gives has no event time. */
function isOfTheClock(operator: Operator): boolean {
  return operator.kind === 'join' && operator.join.kind === 'interval' && operator.join.time === 'processing';
}

function checkPercolateTime(node: StreamNode, known: readonly StreamFacts[]): void {
  if (node.inputs.every(({ from }) => known[from]?.hasEventTime === true)) return;
  throw invalidGraph(
    `Percolator "${node.name}" can never match: documents and queries wait for the watermarks of both, and none reach it on both inputs; give event time ` +
      "to each source that it reads with .watermarks(boundedOutOfOrderness('1 minute', (record) => record.time)), or leave out time: 'event'",
    { operator: node.name },
  );
}

function checkJoin(node: StreamNode, join: JoinSpec, known: readonly StreamFacts[]): void {
  if (!needsEventTime(join) || node.inputs.every(({ from }) => known[from]?.hasEventTime === true)) return;
  throw invalidGraph(
    `Join "${node.name}" can never clean its state: no watermarks reach it on both inputs; give event time to each source that it reads with ` +
      ".watermarks(boundedOutOfOrderness('1 minute', (record) => record.time))" +
      (join.kind === 'interval' ? ", or use { time: 'processing' }" : ''),
    { operator: node.name },
  );
}

function checkWindow(node: StreamNode, window: WindowSpec, facts: StreamFacts): void {
  const { kind, timeDomain } = window.assigner;
  if (kind === 'endOfInput') {
    if (facts.unboundedSource === undefined) return;
    throw invalidGraph(
      `Window "${node.name}" can never fire: it waits for the end of input, and source "${facts.unboundedSource}" has none; ` +
        'use tumbling() or sliding()',
      { operator: node.name },
    );
  }
  if (timeDomain === 'event' && !facts.hasEventTime) {
    throw invalidGraph(
      `Window "${node.name}" can never fire: no watermarks reach it; give event time to each source that it reads with ` +
        ".watermarks(boundedOutOfOrderness('1 minute', (record) => record.time)), or use { time: 'processing' }",
      { operator: node.name },
    );
  }
}

/** A function that is an object sends to whichever it likes. */
function hasSideOutput(window: WindowSpec, sideOutput: string): boolean {
  return window.lateOutput === sideOutput || window.function.apply?.isRich === true;
}

/** Rules need no event time: only the events do. */
function checkPatternTime(node: StreamNode, timeDomain: string, facts: readonly StreamFacts[]): void {
  const events = node.inputs[0];
  if (timeDomain !== 'event' || (events !== undefined && facts[events.from]?.hasEventTime === true)) return;
  throw invalidGraph(
    `Pattern "${node.name}" can never match: no watermarks reach it; give event time to each source that it reads with ` +
      ".watermarks(boundedOutOfOrderness('1 minute', (record) => record.time)), or use { time: 'processing' }",
    { operator: node.name },
  );
}

function checkSideOutput(node: StreamNode, edge: StreamEdge, graph: StreamGraph): void {
  const { sideOutput } = edge;
  const producer = graph.nodes[edge.from];
  if (sideOutput === undefined || producer === undefined) return;
  const { operator } = producer;
  if (sideOutput === DEAD_LETTERS) {
    if (hasDeadLetters(producer)) return;
    throw invalidGraph(
      `Operator "${node.name}" reads the dead letters of "${producer.name}", which has none: ` +
        (operator.kind === 'source'
          ? "write env.source(…, { onMalformed: 'dead-letter' })"
          : "write .onError('dead-letter') behind it"),
      { operator: node.name },
    );
  }
  if (operator.kind === 'process' || operator.kind === 'coProcess') return;
  if (operator.kind === 'window' && hasSideOutput(operator, sideOutput)) return;
  // `select` may send to any.
  if (operator.kind === 'pattern' && (operator.onMatch !== undefined || operator.onTimedOut !== undefined))
    return;
  if (operator.kind === 'pattern' && [operator.lateOutput, operator.timedOutOutput].includes(sideOutput))
    return;
  if (operator.kind === 'join' && lateOutputsOf(operator.join).includes(sideOutput)) return;
  if ((operator.kind === 'sort' || operator.kind === 'percolate') && operator.lateOutput === sideOutput)
    return;
  throw invalidGraph(
    `Operator "${node.name}" reads side output "${sideOutput}" of "${producer.name}", which never sends to it: ${sideOutputAdvice(operator)}`,
    { operator: node.name, sideOutput },
  );
}

/** How records would come to a side output of the operator. */
function sideOutputAdvice(operator: Operator): string {
  if (operator.kind === 'window' && operator.join === undefined)
    return 'declare it with .sideOutputLateData(tag) before the window function';
  if (operator.kind === 'pattern')
    return 'declare it with .sideOutputLateData(tag) or .timedOut(tag) before .matches()';
  if (operator.kind === 'join' && operator.join.kind === 'interval')
    return 'declare it with `leftLateOutput: tag` or `rightLateOutput: tag` in its options';
  if (LATE_OUTPUTS.has(operator.kind) || (operator.kind === 'join' && operator.join.kind === 'temporal'))
    return 'declare it with `lateOutput: tag` in its options';
  return 'process functions and windows with .sideOutputLateData(tag) have side outputs';
}
