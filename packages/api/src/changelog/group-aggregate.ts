// Running aggregates whose results are a table that changes.
import { aggregateSpecs } from '../aggregate/aggregate-specs.ts';
import type { AggregateSpec } from '../aggregate/aggregate-spec.ts';
import type { Aggregate } from '../aggregate/aggregates.ts';
import type { EmitPolicy } from '../graph/window-spec.ts';
import { invalidOption, oneOf, refuseUnknownOptions } from '../options/check-options.ts';
import type { Transformation } from '../graph/transformation.ts';
import { changelogRefused, isAppendOnly, isUpsert, modeText, type ChangelogMode } from './changelog-mode.ts';
import { addRunning, type KeyedInput } from './keyed-input.ts';
import {
  miniBatchSpec,
  ttlMs,
  updateBefore,
  type MiniBatchOptions,
  type StateTtlOption,
  type UpdateBeforeOption,
} from './running-options.ts';

/** Options of a running aggregate. */
export interface GroupAggregateOptions<E extends EmitPolicy = EmitPolicy>
  extends StateTtlOption, UpdateBeforeOption {
  /**
   * When results are given out. `update`: each change of a result, as a changelog. `append`: each result once, when it is final,
   * which is at the end of a bounded input. `complete`: all results after each mini-batch, of keyed streams those of the
   * subtask's keys. Source: Spark's output modes.
   */
  readonly emit: E;
  /** Needed with `complete`. */
  readonly miniBatch?: MiniBatchOptions;
}

const OPTIONS = ['emit', 'stateTtl', 'generateUpdateBefore', 'miniBatch'];

/** @throws {MillraceError} MR_OPTION_INVALID, MR_CHANGELOG_REFUSED when an aggregate cannot take rows back that may leave */
export function addGroupAggregate(
  input: KeyedInput,
  aggregates: { readonly [name: string]: Aggregate<never, unknown> },
  options: GroupAggregateOptions,
): { readonly added: Transformation; readonly mode: ChangelogMode } {
  refuseUnknownOptions('aggregate()', options, OPTIONS);
  const emit = oneOf('`emit` of aggregate()', options.emit, ['update', 'append', 'complete']);
  const specs = aggregateSpecs(aggregates, input.isKeyed ? ['key'] : []);
  const isRetracting = retracts('aggregate()', input.mode);
  if (isRetracting) checkRetractable(specs);
  if (emit === 'complete' && options.miniBatch === undefined)
    throw invalidOption(
      "Cannot emit complete results after every record: write miniBatch: { size: 1000, allowLatency: '1 second' }",
    );
  const generateUpdateBefore = updateBefore('aggregate()', options);
  const added = addRunning(
    input,
    {
      kind: 'groupAggregate',
      aggregates: specs,
      input: isRetracting ? 'retract' : 'append',
      isKeyed: input.isKeyed,
      emit,
      generateUpdateBefore,
      stateTtlMs: ttlMs('aggregate()', options.stateTtl),
      ...(options.miniBatch === undefined
        ? {}
        : { miniBatch: miniBatchSpec('aggregate()', options.miniBatch) }),
    },
    'aggregate',
  );
  return {
    added,
    mode: { updateBefore: generateUpdateBefore, updateAfter: true, delete: isRetracting },
  };
}

/**
 * True when changes come that take rows back.
 * @throws {MillraceError} MR_CHANGELOG_REFUSED when updates come without the row as it was
 */
export function retracts(what: string, mode: ChangelogMode | undefined): boolean {
  if (mode === undefined || isAppendOnly(mode)) return false;
  if (isUpsert(mode))
    throw changelogRefused(
      `Cannot use ${what} on changes of the kinds ${modeText(mode)}: the row as it was before an update is needed to take it back; ` +
        'write .normalize((row) => row.id) before it, or leave `generateUpdateBefore` true where the changes are made',
    );
  return true;
}

function checkRetractable(specs: { readonly [name: string]: AggregateSpec }): void {
  for (const [name, spec] of Object.entries(specs)) {
    if (spec.kind === 'sketch')
      throw changelogRefused(
        `Cannot compute aggregate "${name}" over a stream whose rows change: no value is taken out of a sketch again; ` +
          'write an exact one, such as countDistinct() or topN(), or aggregate the records that the rows are made of',
      );
    if (spec.kind !== 'custom' || spec.retract !== undefined) continue;
    throw changelogRefused(
      `Cannot compute aggregate "${name}" over a stream whose rows change: it has no \`retract\`; ` +
        'write aggregator({ create, add, merge, result, retract: (accumulator, row) => … })',
    );
  }
}
