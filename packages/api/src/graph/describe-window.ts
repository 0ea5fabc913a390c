// Windows as data: what `millrace info` shows of them, and what their state depends on.
import type { Json, StateDescriptorJson } from '@millrace/proto';
import type { AggregateSpec } from '../aggregate/aggregate-spec.ts';
import type { WindowAssignerSpec, WindowSpec } from './window-spec.ts';

type OptionsJson = { readonly [name: string]: Json };

/** Options of a window's operator. */
export function describeWindow(window: WindowSpec): OptionsJson {
  const { assigner, function: fn } = window;
  return {
    assigner: describeAssigner(assigner),
    ...(window.isKeyed ? {} : { isKeyed: false }),
    trigger: window.trigger?.description ?? defaultTriggerOf(assigner),
    ...(window.evictor === undefined ? {} : { evictor: window.evictor.description }),
    allowedLatenessMs: window.allowedLatenessMs,
    ...(window.lateOutput === undefined ? {} : { lateOutput: window.lateOutput }),
    emit: window.emit,
    ...(window.join === undefined ? {} : { join: { ...window.join } }),
    strategy: window.strategy,
    function: fn.kind !== 'process' && fn.apply !== undefined ? `${fn.kind}, process` : fn.kind,
    ...(fn.kind === 'aggregate' ? { aggregates: describeAggregates(fn.aggregates) } : {}),
  };
}

function describeAssigner(assigner: WindowAssignerSpec): OptionsJson {
  if (assigner.kind !== 'session') return { ...assigner };
  const { kind, timeDomain, gapMs } = assigner;
  return { kind, timeDomain, gap: gapMs === undefined ? 'by record' : `${gapMs} ms` };
}

function defaultTriggerOf({ kind, timeDomain }: WindowAssignerSpec): string {
  if (kind === 'endOfInput') return 'at the end of input';
  if (kind === 'count') return 'when full';
  return timeDomain === 'processing' ? 'processing time' : 'event time';
}

/** States of a window: its contents, and those that its trigger and its function declare. */
export function describeWindowState(window: WindowSpec): readonly StateDescriptorJson[] {
  const { function: fn, trigger, evictor } = window;
  const keepsRecords = fn.kind === 'process' || evictor !== undefined;
  const declared = (prefix: string, states: { readonly [name: string]: { readonly kind: string } }) =>
    Object.entries(states).map(
      ([name, { kind }]) => ({ name: `${prefix}${name}`, kind }) as StateDescriptorJson,
    );
  return [
    { name: 'window', kind: keepsRecords ? 'list' : 'value' },
    ...declared('trigger.', trigger?.state ?? {}),
    ...declared('window.', fn.apply?.windowState ?? {}),
    ...declared('', fn.apply?.state ?? {}),
  ];
}

/** Returns aggregates by name, for people. */
export function describeAggregates(aggregates: { readonly [name: string]: AggregateSpec }): OptionsJson {
  return Object.fromEntries(
    Object.entries(aggregates).map(([name, spec]) => [name, describeAggregate(spec)]),
  );
}

/** With what its accumulator depends on. */
function describeAggregate(spec: AggregateSpec): string {
  return spec.where === undefined ? kindOf(spec) : `${kindOf(spec)} where`;
}

function kindOf(spec: AggregateSpec): string {
  switch (spec.kind) {
    case 'topN':
      return `topN ${spec.limit}${spec.withTies === true ? ' with ties' : ''}`;
    case 'sketch':
      return spec.sketch.name;
    default:
      return spec.kind;
  }
}
