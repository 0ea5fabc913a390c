// Distinct counts over one set of values: a value is looked up once a record, whatever number of counts with conditions of
// their own are interested in it. Each count is a bit of the value's entry.
import type { AggregateSpec, UserFunction } from '@millrace/api';
import type { CodeUnit } from '../../chain/codegen/code-unit.ts';
import type { RecordText } from '../../chain/codegen/record-text.ts';
import { isSameFunction } from '../../chain/fields/same-function.ts';
import type { ConditionText } from './filtered-cell.ts';

/** Bits that are kept as a whole number of 32 bits, without a sign. */
const COUNTS_MAX = 31;

/** A distinct count. */
export type DistinctSpec = Extract<AggregateSpec, { readonly kind: 'countDistinct' }>;

/** Where the values of an operator's keys are. As `DistinctValuesHandle` of a backend; `remove` for rows that are taken back. */
export interface DistinctStore {
  select(ownedKey: unknown, keyHash: number): void;
  add(value: unknown, bits: number): number;
  /** Takes one record's value out; returns the bits for which it was the last. */
  remove?(value: unknown, bits: number): number;
}

/** Locals for what a record brings. */
export interface DistinctLocals {
  readonly bits: string;
  readonly value: string;
}

type Target = (cell: number) => string;

/** Whose values they are: a key that a table owns and its hash, and where the key's counts are. */
interface Whose {
  readonly key: string;
  readonly hash: string;
  readonly target: Target;
}

export class DistinctGroup {
  /** Name of the state, and of the field of partial rows. */
  readonly name: string;
  readonly select: UserFunction;
  /** By bit: the cell that counts, and which records do. */
  readonly counts: { readonly cell: number; readonly condition: ConditionText | undefined }[] = [];
  /** Set by an operator that keeps the values; producers of partial rows have none. */
  store: DistinctStore | undefined = undefined;
  readonly #checked: (value: unknown) => unknown;

  /** `checked` refuses promises. */
  constructor(name: string, select: UserFunction, checked: (value: unknown) => unknown) {
    this.name = name;
    this.select = select;
    this.#checked = checked;
  }

  takes(spec: DistinctSpec): boolean {
    return this.counts.length < COUNTS_MAX && isSameFunction(this.select, spec.select);
  }

  /** Statements that find what a record brings, by the user's functions. */
  find(
    unit: CodeUnit,
    record: RecordText,
    locals: DistinctLocals,
    declare: (name: string) => string,
  ): string {
    const bits = this.counts.map(({ condition }, bit) =>
      condition === undefined ? String(2 ** bit) : `(${condition(unit, record)} ? ${2 ** bit} : 0)`,
    );
    const selected = `${unit.bind(this.#checked, 'checked')}(${unit.bind(this.select, 'select')}(${record.argument(this.select)}))`;
    const isAlways = this.counts.some(({ condition }) => condition === undefined);
    return [
      `${declare(locals.bits)} = ${bits.join(' | ')};`,
      `${declare(locals.value)} = ${isAlways ? selected : `${locals.bits} === 0 ? undefined : ${selected}`};`,
    ].join('\n');
  }

  /** Statements that count what was found; `key` is one that a table owns. */
  add(unit: CodeUnit, locals: DistinctLocals, of: Whose): string {
    return this.#one(unit, 'add', locals, of);
  }

  /** Statements that count what a partial row has: `[value, bits, value, bits, …]`. */
  merge(unit: CodeUnit, pairs: string, of: Whose): string {
    const [list, at] = [unit.fresh('pairs'), unit.fresh('at')];
    return [
      `const ${list} = ${pairs};`,
      `if (${list} !== undefined) {`,
      this.#selected(unit, of),
      `for (let ${at} = 0; ${at} < ${list}.length; ${at} += 2) {`,
      this.#counted(unit, 'add', `${list}[${at}], ${list}[${at} + 1]`, of.target),
      '} }',
    ].join('\n');
  }

  /** Statements that take out what was found. */
  remove(unit: CodeUnit, locals: DistinctLocals, of: Whose): string {
    return this.#one(unit, 'remove', locals, of);
  }

  #one(unit: CodeUnit, method: 'add' | 'remove', { bits, value }: DistinctLocals, of: Whose): string {
    return [
      `if (${bits} !== 0 && ${value} !== undefined && ${value} !== null) {`,
      this.#selected(unit, of),
      this.#counted(unit, method, `${value}, ${bits}`, of.target),
      '}',
    ].join('\n');
  }

  #selected(unit: CodeUnit, { key, hash }: Whose): string {
    return `${unit.bind(this.store, 'values')}.select(${key}, ${hash});`;
  }

  #counted(unit: CodeUnit, method: 'add' | 'remove', parameters: string, target: Target): string {
    const changed = unit.fresh('changed');
    const sign = method === 'add' ? '+' : '-';
    return [
      `const ${changed} = ${unit.bind(this.store, 'values')}.${method}(${parameters});`,
      `if (${changed} !== 0) {`,
      ...this.counts.map(({ cell }, bit) =>
        this.counts.length === 1
          ? `${target(cell)} ${sign}= 1;`
          : `if ((${changed} & ${2 ** bit}) !== 0) ${target(cell)} ${sign}= 1;`,
      ),
      '}',
    ].join('\n');
  }
}
