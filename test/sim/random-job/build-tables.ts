// Tables of random jobs, in operators of the engine.
import {
  asc,
  count,
  desc,
  mapState,
  max,
  min,
  sum,
  type,
  type Change,
  type ChangelogStream,
  type DataStream,
  type KeyedProcessFunction,
  type MapState,
  type StateDescriptor,
} from '@millrace/api';
import type { SimHooks } from '@millrace/testing';
import { copiesOf, isKept, mapped, rekeyed, tagged, type Rec } from './job-spec.ts';
import {
  coarseRow,
  isDeletion,
  isJoined,
  joinedRow,
  latestRow,
  rankedRow,
  totalRow,
  type TableJoin,
  type TableMaking,
  type TableStep,
} from './tables.ts';

const ORDER = [desc((row: Rec) => row.n), asc((row: Rec) => row.origin), asc((row: Rec) => row.seq)];
const TOTALS = {
  count: count(),
  sum: sum((row: Rec) => row.n),
  min: min((row: Rec) => row.n),
  max: max((row: Rec) => row.n),
};
const BATCH_LATENCY_MS = 20;

export function makeTable(
  { id, making }: { readonly id: number; readonly making: TableMaking },
  input: DataStream<Rec>,
  hooks: SimHooks,
): ChangelogStream<Rec> {
  switch (making.how) {
    case 'upserts':
      return input
        .map((row): Change<Rec> => {
          hooks.userCall();
          return { kind: isDeletion(row) ? 'delete' : 'updateAfter', row };
        })
        .uid(`upsert-${id}`)
        .toChangelog({ mode: 'upsert' })
        .normalize((row) => row.origin);
    case 'latest':
      return input
        .keyBy((record) => record.key)
        .deduplicate({ keep: 'last', time: 'event' })
        .uid(`latest-${id}`)
        .map((record) => latestRow(id, record));
    case 'counts':
      return input
        .keyBy((record) => record.key)
        .aggregate(TOTALS, { emit: 'update', ...batched(making.batchSize) })
        .uid(`totals-${id}`)
        .map((row) => totalRow(id, row));
    case 'topN': {
      const rows = input.keyBy((record) => record.key);
      return making.isRanked
        ? rows
            .topN(making.limit, { orderBy: ORDER, rank: 'rank' })
            .uid(`top-${id}`)
            .map((row) => rankedRow(row, row.rank))
        : rows.topN(making.limit, { orderBy: ORDER });
    }
    case 'rows':
      return input.toTable();
    default:
      return making satisfies never;
  }
}

export function tableStep(
  { id, step }: { readonly id: number; readonly step: TableStep },
  table: ChangelogStream<Rec>,
  hooks: SimHooks,
): ChangelogStream<Rec> {
  switch (step.how) {
    case 'map':
      return table.map((row) => {
        hooks.userCall();
        return mapped(row, step.add);
      });
    case 'filter':
      return table.filter((row) => {
        hooks.userCall();
        return isKept(row, step.modulus);
      });
    case 'flatMap':
      return table.flatMap((row) => copiesOf(row, step.copies));
    case 'rekey':
      return table.map((row) => rekeyed(row, step.keyCount));
    case 'aggregate':
      return table
        .keyBy((row) => row.key)
        .aggregate(TOTALS, batched(step.batchSize))
        .uid(`totals-${id}`)
        .map((row) => totalRow(id, row));
    case 'topN': {
      const rows = table.keyBy((row) => row.key);
      return step.isRanked
        ? rows
            .topN(step.limit, { orderBy: ORDER, rank: 'rank' })
            .uid(`top-${id}`)
            .map((row) => rankedRow(row, row.rank))
        : rows.topN(step.limit, { orderBy: ORDER });
    }
    case 'distinct':
      return table
        .map((row) => coarseRow(row, step.modulus))
        .uid(`coarse-${id}`)
        .distinct();
    default:
      return step satisfies never;
  }
}

export function joinTables(
  { id, join }: { readonly id: number; readonly join: TableJoin },
  [left, right]: readonly [ChangelogStream<Rec>, ChangelogStream<Rec>],
  hooks: SimHooks,
): ChangelogStream<Rec> {
  const originOf = (row: Rec): string => row.origin;
  return left.join(right, {
    leftKey: (row) => row.key,
    rightKey: (row) => row.key,
    ...(join.isLeftUnique ? { leftUniqueKey: originOf } : {}),
    ...(join.isRightUnique ? { rightUniqueKey: originOf } : {}),
    type: join.joinType,
    where: isJoined,
    select: (one: Rec | undefined, other?: Rec) => {
      hooks.userCall();
      return joinedRow(id, one, other);
    },
  });
}

export function uniteTables(id: number, tables: readonly ChangelogStream<Rec>[]): ChangelogStream<Rec> {
  const [first, ...others] = tables.map((table, input) =>
    table.map((row) => tagged(row, id, input)).uid(`tag-${id}-${input}`),
  );
  if (first === undefined) throw new Error('a union has inputs');
  return others.length === 0 ? first : first.union(...others);
}

type GivenState = { readonly given: StateDescriptor<MapState<string, number>> };

/** Passes changes on, and looks whether each row that is taken back was given before: the changes of a row come in order. */
export function changeKeeper(
  id: number,
  hooks: SimHooks,
): KeyedProcessFunction<string, Change<Rec>, GivenState, Change<Rec>, never, never> {
  return {
    state: { given: mapState<string, number>() },
    emits: type<Change<Rec>>(),
    onRecord(change, ctx) {
      const { kind, row } = change;
      hooks.onKey(`changes of ${id}`, ctx.key, ctx.subtaskIndex);
      const name = JSON.stringify(row);
      const before = ctx.state.given.get(name) ?? 0;
      const after = before + (kind === 'insert' || kind === 'updateAfter' ? 1 : -1);
      if (after < 0) hooks.violated(`sink ${id} gets ${kind} of a row that is not there: ${name}`);
      if (after === 0) ctx.state.given.remove(name);
      else ctx.state.given.put(name, after);
      ctx.emit({ kind, row });
    },
  };
}

function batched(batchSize: number): {
  readonly miniBatch?: { readonly size: number; readonly allowLatency: number };
} {
  return batchSize === 0 ? {} : { miniBatch: { size: batchSize, allowLatency: BATCH_LATENCY_MS } };
}
