// Text that folds a record into the accumulators of its key.
import type { RowTable } from '@millrace/state';
import type { StageBody } from '../chain-stage.ts';
import type { AggregateLayout } from './aggregate-layout.ts';
import { withAnswers } from './filtered-cell.ts';

export interface FoldParts {
  readonly table: RowTable;
  readonly layout: AggregateLayout;
  readonly site: number;
  readonly key: string;
  readonly hash: string;
  /** Expression. */
  readonly namespace: string;
  /** Statement that looks at the accumulators (expressions of which are valid unless `isNew`) before the record is folded in. */
  readonly beforeFold?: (cell: (index: number) => string, isNew: string) => string;
}

/** Names that the text behind a fold may use. */
export interface FoldedRow {
  /** Expression of the accumulator in a cell. */
  readonly cell: (index: number) => string;
}

/**
 * Text that folds the record at hand, or merges a partial row, and goes on with `then`. Where failing records are left out,
 * all functions of the user's are called before anything is stored: a record is in all accumulators of its key, or in none.
 */
export function foldText(body: StageBody, parts: FoldParts, then: (folded: FoldedRow) => string): string {
  return body.isGuarded ? guardedFold(body, parts, then) : directFold(body, parts, then);
}

function directFold(body: StageBody, parts: FoldParts, then: (folded: FoldedRow) => string): string {
  const { unit, record } = body;
  const { cells } = parts.layout;
  const table = unit.bind(parts.table, 'table');
  const row = unit.fresh('row');
  const isNew = unit.fresh('isNew');
  const columns = unit.fresh('columns');
  const names = cells.map((_, index) => `${columns}${index}`);
  const target = (index: number): string => `${names[index]}[${row}]`;
  const isPartial = body.inputEdge?.isPreAggregated === true;
  return [
    `const ${row} = ${table}.upsert(${parts.key}, ${parts.hash}, ${parts.namespace}), ${isNew} = ${table}.wasAbsent, ${columns} = ${table}.columns;`,
    ...names.map((name, index) => `const ${name} = ${columns}[${index}];`),
    parts.beforeFold?.(target, isNew) ?? '',
    body.at(parts.site),
    isPartial
      ? cells
          .map((cell, index) => cell.merge(unit, target(index), record.field(cell.partialName), isNew))
          .join('\n')
      : withAnswers(unit, record, parts.layout.conditions, () =>
          [
            ...cells.map((cell, index) => cell.fold(unit, target(index), record, isNew)),
            ...parts.layout.groups.map((group) => {
              const locals = { bits: unit.fresh('bits'), value: unit.fresh('value') };
              const of = { key: `${table}.keyOf(${row})`, hash: parts.hash, target };
              const found = group.find(unit, record, locals, (name) => `const ${name}`);
              return `${found}\n${group.add(unit, locals, of)}`;
            }),
          ].join('\n'),
        ),
    `${table}.markDirty(${row});`,
    then({ cell: target }),
  ].join('\n');
}

function guardedFold(body: StageBody, parts: FoldParts, then: (folded: FoldedRow) => string): string {
  const { unit, record } = body;
  const { cells } = parts.layout;
  const table = unit.bind(parts.table, 'table');
  const place = `${parts.key}, ${parts.hash}, ${parts.namespace}`;
  const known = unit.fresh('known');
  const isNew = unit.fresh('isNew');
  const row = unit.fresh('row');
  const names = cells.map(() => unit.fresh('folded'));
  const groups = parts.layout.groups.map((group) => ({
    group,
    locals: { bits: unit.fresh('bits'), value: unit.fresh('value') },
  }));
  // What changes accumulators in place comes last: nothing that may fail is left then, if there is one such aggregate.
  const inOrder = cells
    .map((cell, index) => ({ cell, index }))
    .sort((a, b) => Number(a.cell.changesInPlace ?? false) - Number(b.cell.changesInPlace ?? false));
  const source = (index: number): string => {
    const initial = cells[index]?.column === 'f64' ? '0' : 'undefined';
    return `(${isNew} ? ${initial} : ${table}.columns[${index}][${known}])`;
  };
  return [
    `const ${known} = ${table}.find(${place}), ${isNew} = ${known} < 0;`,
    parts.beforeFold?.((index) => `${table}.columns[${index}][${known}]`, isNew) ?? '',
    body.attempt({
      names: [...names, ...groups.flatMap(({ locals }) => [locals.bits, locals.value])],
      make: (declare) =>
        [
          body.at(parts.site),
          ...groups.map(({ group, locals }) => group.find(unit, record, locals, declare)),
          ...inOrder.map(
            ({ cell, index }) =>
              `${declare(names[index] ?? '')} = ${cell.folded(unit, source(index), record, isNew)};`,
          ),
        ].join('\n'),
      goOn: () =>
        [
          `const ${row} = ${table}.upsert(${place});`,
          ...names.map((name, index) => `${table}.columns[${index}][${row}] = ${name};`),
          ...groups.map(({ group, locals }) =>
            group.add(unit, locals, {
              key: `${table}.keyOf(${row})`,
              hash: parts.hash,
              target: (index) => `${table}.columns[${index}][${row}]`,
            }),
          ),
          `${table}.markDirty(${row});`,
          then({ cell: (index) => `${table}.columns[${index}][${row}]` }),
        ].join('\n'),
    }),
  ].join('\n');
}
