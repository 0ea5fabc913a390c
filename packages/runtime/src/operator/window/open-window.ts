// From a window of the graph to its operator.
import { invariant } from '@millrace/common';
import type { SlicedAssignerSpec, WindowSpec } from '@millrace/api';
import { aggregateLayout, reduceLayout, type AggregateLayout } from '../aggregate/aggregate-layout.ts';
import type { ChainOperator } from '../chain-stage.ts';
import { backendMethods } from '../keyed/keyed-code.ts';
import type { OperatorSetup } from '../operator-setup.ts';
import { Arrivals } from './arrivals.ts';
import { AggregateContents, type WindowOverlap } from './aggregate-contents.ts';
import { openPerWindowOperator } from './per-window/per-window-operator.ts';
import { openSessionOperator } from './sessions/session-operator.ts';
import { headOf } from './window-shape.ts';
import { RecordContents } from './record-contents.ts';
import { SliceAssigner } from './slice-assigner.ts';
import { UpdatedContents } from './updated-contents.ts';
import type { WindowContents } from './window-contents.ts';
import { windowFunction } from './window-function.ts';
import { endOfInputOperator, windowOperator } from './window-operator.ts';

/** Layout of a window's accumulators; undefined for a window that keeps its records. */
export function windowLayout(
  spec: WindowSpec,
  setup: Pick<OperatorSetup, 'node' | 'sites'>,
): AggregateLayout | undefined {
  switch (spec.function.kind) {
    case 'aggregate':
      return aggregateLayout(spec.function.aggregates, setup);
    case 'reduce':
      return reduceLayout(spec.function.reduce);
    case 'process':
      return undefined;
  }
}

/** Opens the operator of a window, as its strategy says. */
export async function openWindow(setup: OperatorSetup, spec: WindowSpec): Promise<ChainOperator> {
  switch (spec.strategy) {
    case 'windows':
      return openPerWindowOperator(setup, spec, windowLayout(spec, setup));
    case 'sessions': {
      const layout = windowLayout(spec, setup);
      invariant(layout !== undefined, 'sessions have accumulators');
      return openSessionOperator(setup, spec, layout);
    }
    case 'slices':
      return openSlices(setup, spec, spec.assigner as SlicedAssignerSpec);
  }
}

async function openSlices(
  setup: OperatorSetup,
  spec: WindowSpec,
  assigner: SlicedAssignerSpec,
): Promise<ChainOperator> {
  const backend = await setup.openBackend();
  const layout = windowLayout(spec, setup);
  const { apply } = spec.function;
  const call = apply === undefined ? undefined : windowFunction(setup, apply, spec.isKeyed);
  let contents: WindowContents;
  let arrivals: Arrivals | undefined;
  if (layout === undefined) {
    invariant(call !== undefined, 'a window without accumulators has a function');
    if (assigner.kind === 'sliding' || assigner.kind === 'cumulating')
      arrivals = new Arrivals(setup.environment.restore.get(setup.node.id) ?? []);
    contents = new RecordContents(setup.node, backend, call, arrivals);
  } else {
    const table = backend.table({
      name: 'slices',
      columns: layout.cells.map((cell) => cell.column),
      hasNamespaces: true,
    });
    const head = headOf(spec);
    contents =
      spec.emit === 'update'
        ? new UpdatedContents(setup, table, { layout, head, ...updatedShape(spec, assigner) })
        : new AggregateContents(setup, table, { layout, call, overlap: overlapOf(spec, assigner), head });
  }
  const parts = {
    contents,
    arrivals,
    backendMethods: backendMethods(backend, () => layout?.freeze()),
  };
  return assigner.kind === 'endOfInput'
    ? endOfInputOperator(setup, parts)
    : windowOperator(setup, { ...spec, assigner }, parts);
}

/** What the API lets be told of each record: tumbling windows of built-in aggregates. */
function updatedShape(
  { function: fn }: WindowSpec,
  assigner: SlicedAssignerSpec,
): { readonly names: readonly string[]; readonly sizeMs: number } {
  invariant(fn.kind === 'aggregate' && assigner.kind === 'tumbling', 'updated slices are tumbling windows');
  return { names: Object.keys(fn.aggregates), sizeMs: new SliceAssigner(assigner).sliceMs };
}

/** With allowed lateness slices outlive their windows. */
function overlapOf({ allowedLatenessMs }: WindowSpec, { kind }: SlicedAssignerSpec): WindowOverlap {
  if (kind !== 'sliding' && kind !== 'cumulating') return 'none';
  return kind === 'sliding' && allowedLatenessMs === 0 ? 'sliding' : 'other';
}
