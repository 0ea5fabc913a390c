// Cells of aggregates that take only records for which a condition of the user's is true.
import type { UserFunction } from '@millrace/api';
import type { CodeUnit } from '../../chain/codegen/code-unit.ts';
import type { RecordText } from '../../chain/codegen/record-text.ts';
import type { AggregateCell } from './aggregate-layout.ts';

type Cell = Omit<AggregateCell, 'partialName'>;

/** Text of the condition. */
export type ConditionText = (unit: CodeUnit, record: RecordText) => string;

/** Conditions whose answers for a record are in locals already. */
const answered = new WeakMap<RecordText, ReadonlyMap<UserFunction, string>>();

/** Text that calls `where`, or has its answer; `truth` looks at what it gives. */
export function conditionText(where: UserFunction, truth: (value: unknown) => boolean): ConditionText {
  return (unit, record) =>
    answered.get(record)?.get(where) ??
    `${unit.bind(truth, 'truth')}(${unit.bind(where, 'where')}(${record.argument(where)}))`;
}

/** `text` behind statements that ask the conditions which are in it more than once, so that each is asked once a record. */
export function withAnswers(
  unit: CodeUnit,
  record: RecordText,
  conditions: readonly SharedCondition[],
  text: () => string,
): string {
  if (conditions.length === 0) return text();
  const names = new Map<UserFunction, string>();
  const asked = conditions.map(({ where, condition }) => {
    const name = unit.fresh('passes');
    const statement = `const ${name} = ${condition(unit, record)};`;
    names.set(where, name);
    return statement;
  });
  answered.set(record, names);
  try {
    return `${asked.join('\n')}\n${text()}`;
  } finally {
    answered.delete(record);
  }
}

/** A condition of several aggregates. */
export interface SharedCondition {
  readonly where: UserFunction;
  readonly condition: ConditionText;
}

/** A number to which nothing is added for records that do not pass. */
export function filteredSum(cell: Cell, condition: ConditionText): Cell {
  const { retract } = cell;
  return {
    ...cell,
    fold: (unit, target, record, isNew) =>
      `if (${condition(unit, record)}) { ${cell.fold(unit, target, record, isNew)} }`,
    folded: (unit, source, record, isNew) =>
      `(${condition(unit, record)} ? ${cell.folded(unit, source, record, isNew)} : ${source})`,
    single: (unit, record) => `(${condition(unit, record)} ? ${cell.single(unit, record)} : 0)`,
    ...(retract === undefined
      ? {}
      : {
          retract: (unit: CodeUnit, target: string, record: RecordText) =>
            `if (${condition(unit, record)}) { ${retract(unit, target, record)} }`,
        }),
  };
}

/**
 * Statements that merge `source` into `target` and leave it as it is: a target that has nothing yet gets a copy, since what is merged
 * into it next may change it in place.
 */
export function mergeKept(
  cell: Pick<Cell, 'copy' | 'merge'>,
  unit: CodeUnit,
  target: string,
  source: string,
): string {
  if (cell.copy === undefined) return cell.merge(unit, target, source, 'false');
  const kept = unit.fresh('kept');
  return [
    `const ${kept} = ${target} === undefined ? ${cell.copy(unit, source)} : ${source};`,
    cell.merge(unit, target, kept, 'false'),
  ].join('\n');
}

/** Any accumulator, as a value that is undefined as long as no record has passed. */
export function filteredValue(cell: Cell, condition: ConditionText): Cell {
  const { retract, copy } = cell;
  const isNone = (of: string): string => `${of} === undefined`;
  return {
    ...cell,
    column: 'value',
    fold: (unit, target, record) =>
      `if (${condition(unit, record)}) { ${cell.fold(unit, target, record, `(${isNone(target)})`)} }`,
    folded: (unit, source, record) =>
      `(${condition(unit, record)} ? (${cell.folded(unit, source, record, `(${isNone(source)})`)}) : ${source})`,
    single: (unit, record) => `(${condition(unit, record)} ? (${cell.single(unit, record)}) : undefined)`,
    merge: (unit, target, source) =>
      `if (${source} !== undefined) { ${cell.merge(unit, target, source, `(${isNone(target)})`)} }`,
    ...(retract === undefined
      ? {}
      : {
          retract: (unit: CodeUnit, target: string, record: RecordText) =>
            `if (${target} !== undefined && ${condition(unit, record)}) { ${retract(unit, target, record)} }`,
        }),
    ...(copy === undefined
      ? {}
      : {
          copy: (unit: CodeUnit, source: string) => `(${isNone(source)} ? undefined : ${copy(unit, source)})`,
        }),
  };
}
