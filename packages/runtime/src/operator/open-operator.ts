// From a node of the graph to its operator.
import { unreachable } from '@millrace/common';
import type { Operator } from '@millrace/api';
import { aggregateLayout, reduceLayout, type AggregateLayout } from './aggregate/aggregate-layout.ts';
import type { ChainOperator } from './chain-stage.ts';
import { sourceOperator, watermarksOperator, type EventTimeTracker } from './event-time.ts';
import { backendMethods } from './keyed/keyed-code.ts';
import { openRunningAggregate } from './keyed/running-aggregate.ts';
import type { OperatorSetup } from './operator-setup.ts';
import { printOperator } from './print.ts';
import { openProcessOperator } from './process/process-operator.ts';
import {
  filterOperator,
  flatMapOperator,
  forEachOperator,
  mapOperator,
  unionOperator,
} from './simple-stages.ts';
import { openSinkOperator } from './sink.ts';
import { openStaticJoin } from './static-join.ts';
import { AggregateContents } from './window/aggregate-contents.ts';
import { RecordContents } from './window/record-contents.ts';
import type { WindowContents } from './window/window-contents.ts';
import { endOfInputOperator, windowOperator, type WindowSpec } from './window/window-operator.ts';

/**
 * Opens the operator of one node; what it awaits is files, stores and the user's `open`. `tracker`: of a `watermarks` node.
 */
export async function openOperator(setup: OperatorSetup, tracker: EventTimeTracker): Promise<ChainOperator> {
  const operator: Operator = setup.node.operator;
  switch (operator.kind) {
    case 'source':
      return sourceOperator(setup, operator.watermarks);
    case 'map':
      return mapOperator(setup, operator.map);
    case 'filter':
      return filterOperator(setup, operator.filter);
    case 'flatMap':
      return flatMapOperator(setup, operator.flatMap);
    case 'union':
      return unionOperator(setup.node);
    case 'watermarks':
      return watermarksOperator(setup, operator.watermarks, tracker);
    case 'forEach':
      return forEachOperator(setup, operator.forEach);
    case 'print':
      return printOperator(setup, operator);
    case 'staticJoin':
      return openStaticJoin(setup, operator);
    case 'sink':
      return openSinkOperator(setup, operator.sink);
    case 'process':
    case 'coProcess':
      return openProcessOperator(setup, operator.process, operator.isKeyed);
    case 'reduce':
      return openRunningAggregate(setup, reduceLayout(operator.reduce), { isKeyed: false });
    case 'aggregate':
      return openRunningAggregate(setup, aggregateLayout(operator.aggregates, setup.node, setup.sites), {
        isKeyed: true,
      });
    case 'window':
      return openWindow(setup, operator);
    default:
      return unreachable(operator);
  }
}

/** Layout of a window's accumulators; undefined for a window that keeps its records. */
export function windowLayout(
  spec: WindowSpec,
  setup: Pick<OperatorSetup, 'node' | 'sites'>,
): AggregateLayout | undefined {
  switch (spec.function.kind) {
    case 'aggregate':
      return aggregateLayout(spec.function.aggregates, setup.node, setup.sites);
    case 'reduce':
      return reduceLayout(spec.function.reduce);
    case 'process':
      return undefined;
  }
}

async function openWindow(setup: OperatorSetup, spec: WindowSpec): Promise<ChainOperator> {
  const backend = await setup.openBackend();
  const layout = windowLayout(spec, setup);
  let contents: WindowContents;
  if (spec.function.kind === 'process' || layout === undefined) {
    const process = spec.function.kind === 'process' ? spec.function.process : undefined;
    contents = new RecordContents(setup, backend, process as never);
  } else {
    const table = backend.table({
      name: 'slices',
      columns: layout.cells.map((cell) => cell.column),
      hasNamespaces: true,
    });
    // With allowed lateness slices outlive their windows, which a running window does not know.
    const slides = spec.assigner.kind === 'sliding' && spec.allowedLatenessMs === 0;
    contents = new AggregateContents(setup, table, {
      layout,
      slides,
      isWrapped: spec.function.kind === 'aggregate',
    });
  }
  const parts = {
    contents,
    backendMethods: backendMethods(backend, () => layout?.freeze()),
  };
  return spec.assigner.kind === 'endOfInput'
    ? endOfInputOperator(setup, parts)
    : windowOperator(setup, spec, parts);
}
