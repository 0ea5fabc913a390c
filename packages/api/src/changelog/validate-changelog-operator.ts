// What an operator over rows needs of its input, known once the whole graph is there.
import { invalidGraph } from '../graph/transformation.ts';
import type { ChangelogOperator } from './changelog-operator.ts';

/** What is known of the records that come to an operator. */
interface InputFacts {
  readonly hasEventTime: boolean;
  /** Name of an unbounded source that they come from. */
  readonly unboundedSource: string | undefined;
}

/** @throws {MillraceError} MR_GRAPH_INVALID for results that could never come */
export function checkChangelogOperator(name: string, operator: ChangelogOperator, facts: InputFacts): void {
  if (operator.kind === 'groupAggregate' && operator.emit === 'append' && facts.unboundedSource !== undefined)
    throw invalidGraph(
      `Aggregate "${name}" can never give out a result: with emit: 'append' it waits for the end of input, and source ` +
        `"${facts.unboundedSource}" has none; write emit: 'update' or 'complete', or aggregate by window`,
      { operator: name },
    );
  const what = waitsForWatermark(operator);
  if (what === undefined || facts.hasEventTime) return;
  throw invalidGraph(
    `Operator "${name}" can never give anything: ${what} needs event time, and no watermarks reach it; give event time to each ` +
      "source that it reads with .watermarks(boundedOutOfOrderness('1 minute', (record) => record.time))",
    { operator: name },
  );
}

function waitsForWatermark(operator: ChangelogOperator): string | undefined {
  switch (operator.kind) {
    case 'sort':
      return 'sort()';
    case 'windowTopN':
      return '`windowEnd`';
    case 'over':
      return operator.order === 'eventTime' ? 'over() by event time' : undefined;
    case 'deduplicate':
      if (operator.withinMs !== Infinity) return '`within` of deduplicate()';
      return operator.time === 'event' ? 'deduplicate() by event time' : undefined;
    default:
      return undefined;
  }
}
