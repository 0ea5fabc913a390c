// From a node of the graph to its operator.
import { invariant } from '@millrace/common';
import type { Operator } from '@millrace/api';
import { aggregateLayout, reduceLayout } from './aggregate/aggregate-layout.ts';
import { openAsyncOperator } from './asynchronous/asynchronous-operator.ts';
import type { ChainOperator } from './chain-stage.ts';
import { sourceOperator, watermarksOperator } from './event-time.ts';
import type { EventTimeTracker } from './event-time-tracker.ts';
import { openChangelogOperator } from './changelog/open-changelog-operator.ts';
import { openJoin } from './join/join-operator.ts';
import { openRunningAggregate } from './keyed/running-aggregate.ts';
import type { OperatorSetup } from './operator-setup.ts';
import { openPatternOperator } from './pattern/pattern-operator.ts';
import { openPercolate } from './percolate/percolate-operator.ts';
import { printOperator } from './print.ts';
import { openProcessOperator } from './process/process-operator.ts';
import {
  filterOperator,
  flatMapOperator,
  forEachOperator,
  insertsOperator,
  mapOperator,
  unionOperator,
} from './simple-stages.ts';
import { openSinkOperator } from './sink.ts';
import { openStaticJoin } from './static-join.ts';
import { openWindow } from './window/open-window.ts';

/**
 * Opens the operator of one node; what it awaits is files, stores and the user's `open`. `tracker`: of a node with watermarks.
 */
export async function openOperator(
  setup: OperatorSetup,
  tracker: EventTimeTracker | undefined,
): Promise<ChainOperator> {
  const operator: Operator = setup.node.operator;
  switch (operator.kind) {
    case 'source':
      return sourceOperator(setup, tracker);
    case 'map':
      return operator.makesInserts === true
        ? insertsOperator(setup.node, operator.map)
        : mapOperator(setup, operator.map);
    case 'filter':
      return filterOperator(setup, operator.filter);
    case 'flatMap':
      return flatMapOperator(setup, operator.flatMap);
    case 'union':
      return unionOperator(setup.node);
    case 'watermarks':
      invariant(tracker !== undefined, 'a watermarks operator has no tracker');
      return watermarksOperator(setup, tracker);
    case 'forEach':
      return forEachOperator(setup, operator.forEach);
    case 'print':
      return printOperator(setup, operator);
    case 'staticJoin':
      return openStaticJoin(setup, operator);
    case 'percolate':
      return openPercolate(setup, operator);
    case 'sink':
      return openSinkOperator(setup, operator.sink);
    case 'process':
    case 'coProcess':
      return openProcessOperator(setup, operator.process, operator.isKeyed);
    case 'asyncWait':
      return openAsyncOperator(setup, operator.wait, operator.isKeyed);
    case 'reduce':
      return openRunningAggregate(setup, reduceLayout(operator.reduce), { isKeyed: false });
    case 'aggregate':
      return openRunningAggregate(
        setup,
        aggregateLayout(operator.aggregates, { ...setup, hasGroups: true }),
        { isKeyed: true },
      );
    case 'pattern':
      return openPatternOperator(setup, operator);
    case 'join':
      return openJoin(setup, operator.join);
    case 'window':
      return openWindow(setup, operator);
    default:
      return openChangelogOperator(setup, operator);
  }
}
