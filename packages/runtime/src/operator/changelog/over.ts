// Opens aggregates over the rows up to each row, by order and frame.
import type { OverOperator } from '@millrace/api';
import { aggregateLayout, type AggregateLayout } from '../aggregate/aggregate-layout.ts';
import { compileAggregates, type CompiledAggregates } from '../aggregate/compiled-aggregates.ts';
import type { KeyedStateBackend } from '@millrace/state';
import type { ChainOperator } from '../chain-stage.ts';
import type { OperatorSetup } from '../operator-setup.ts';
import { OverByArrival } from './over-by-arrival.ts';
import { OverByEventTime } from './over-by-event-time.ts';
import { OverByRows } from './over-by-rows.ts';
import { OverFrames } from './over-frames.ts';
import { OverProcessingRange } from './over-processing-range.ts';
import { rowOperator, type RowFunction } from './row-operator.ts';

/** What all OVER aggregates are made from. */
export interface OverParts {
  readonly setup: OperatorSetup;
  readonly backend: KeyedStateBackend;
  readonly spec: OverOperator;
  readonly layout: AggregateLayout;
  readonly aggregates: CompiledAggregates;
}

export async function openOver(setup: OperatorSetup, spec: OverOperator): Promise<ChainOperator> {
  const backend = await setup.openBackend();
  const layout = aggregateLayout(spec.aggregates, setup);
  const aggregates = compileAggregates(layout, {
    codegenId: `${setup.codegenId} node ${setup.node.id}`,
    isKeyed: false,
  });
  const fn = functionOf({ setup, backend, spec, layout, aggregates });
  return rowOperator(setup, backend, { fn, isOfChanges: spec.isOfChanges });
}

function functionOf(parts: OverParts): RowFunction {
  const { spec } = parts;
  switch (spec.order) {
    case 'eventTime':
      return new OverByEventTime(parts, new OverFrames(parts));
    case 'processingTime':
      return spec.frame === 'range' && spec.preceding !== Infinity
        ? new OverProcessingRange(parts, new OverFrames(parts))
        : new OverByArrival(parts, new OverFrames(parts));
    case 'rows':
      return new OverByRows(parts);
  }
}
