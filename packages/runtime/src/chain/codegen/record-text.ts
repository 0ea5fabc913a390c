// How generated text refers to a record: one that is there, or one that is still columns and is made no sooner, and with no
// more fields, than the text that follows asks for.
import type { UserFunction } from '@millrace/api';
import { fieldsRead, joinFields, type FieldsRead } from '../fields/fields-read.ts';
import { literal, type CodeUnit } from './code-unit.ts';

/** A record in generated text. Whoever asks for its name says what for. All strings are source text. */
export interface RecordText {
  /** Identifier of the record, for code that may do anything with it. */
  whole(): string;
  /** What to give `callee` as its parameter `index`: of the record it sees what it reads, or nothing if it never looks. */
  argument(callee: UserFunction, index?: number): string;
  /** A field of a record that the engine made itself. */
  field(name: string): string;
  /**
   * Expression that makes the whole record once more, for what is rare: it counts as no read. `isExact`: the record is
   * kept as what it was (a dead letter), so that nobody before may leave a field out.
   */
  again(isExact: boolean): string;
  /** Name of the batch of which the record is row `row`, as it is; undefined: it is not one of a batch. */
  readonly batch: string | undefined;
  /** The fields by themselves, where the record is columns of which each row has the same fields; else undefined. */
  cells(fields: FieldsRead): RecordCells | undefined;
  /** What to give code that reads these fields. */
  having(fields: FieldsRead): string;
  /** The row that the record is the insert of (`insertOfRow`), where nothing else is in it. */
  readonly inserted: RecordText | undefined;
  /** The record where only some rows come: what is not needed before is made there. */
  behindCondition(unit: CodeUnit): ConditionalRecord;
}

/** Fields of a record, in its order, and expressions of their values, which statements `before` may have to prepare. */
export interface RecordCells {
  readonly names: readonly string[];
  readonly values: readonly string[];
  readonly before: string;
}

/** A record behind a condition. `declaration` is asked for when all text that uses the record is written. */
export interface ConditionalRecord {
  readonly record: RecordText;
  declaration(): string;
}

/** Returns the text of a record that is in the variable `name`. */
export function madeRecord(name: string): RecordText {
  const made: RecordText = {
    whole: () => name,
    argument: () => name,
    field: (field) => `${name}[${literal(field)}]`,
    again: () => name,
    batch: undefined,
    inserted: undefined,
    cells: () => undefined,
    having: () => name,
    behindCondition: () => ({ record: made, declaration: () => '' }),
  };
  return made;
}

/**
 * Returns the statements that declare `name` as the record with these fields. `outer`: the record as it is outside of the
 * condition behind which this is.
 */
export type MakeRecord = (name: string, fields: FieldsRead, outer?: OuterRecord) => string;

/** A record that is there already, with these fields at least. */
export interface OuterRecord {
  readonly name: string;
  readonly fields: FieldsRead;
}

/** A record that somebody else makes, with the fields that are asked for here. */
export class AskedRecord implements RecordText {
  readonly batch = undefined;
  readonly inserted = undefined;
  readonly #name: string;
  #fields: FieldsRead = 'none';

  constructor(name: string) {
    this.#name = name;
  }

  /** What has been asked for so far. */
  get fields(): FieldsRead {
    return this.#fields;
  }

  whole(): string {
    return this.having('all');
  }

  argument(callee: UserFunction, index = 0): string {
    return this.having(fieldsRead(callee, index));
  }

  field(name: string): string {
    return `${this.having(new Set([name]))}[${literal(name)}]`;
  }

  again(isExact: boolean): string {
    return isExact ? this.whole() : this.#name;
  }

  cells(): undefined {
    return undefined;
  }

  having(fields: FieldsRead): string {
    this.#fields = joinFields(this.#fields, fields);
    return this.#name;
  }

  behindCondition(): ConditionalRecord {
    return { record: this, declaration: () => '' };
  }
}

/** How a {@link LateRecord} comes about. */
export interface RecordMaking {
  readonly make: MakeRecord;
  /** The fields by themselves; `outer` as for `make`. */
  readonly cells: (fields: FieldsRead, outer?: OuterRecord) => RecordCells | undefined;
  /** Expression of the whole record. */
  readonly again: string;
  /** As of {@link RecordText}. */
  readonly batch?: string;
  readonly inserted?: RecordText;
}

/** A record that is columns until it is asked for. */
export class LateRecord implements RecordText {
  readonly name: string;
  readonly #making: RecordMaking;
  readonly #outer: LateRecord | undefined;
  #fields: FieldsRead = 'none';

  constructor(name: string, making: RecordMaking, outer?: LateRecord) {
    this.name = name;
    this.#making = making;
    this.#outer = outer;
  }

  get fields(): FieldsRead {
    return this.#fields;
  }

  get batch(): string | undefined {
    return this.#making.batch;
  }

  get inserted(): RecordText | undefined {
    return this.#making.inserted;
  }

  whole(): string {
    return this.having('all');
  }

  argument(callee: UserFunction, index = 0): string {
    return this.having(fieldsRead(callee, index));
  }

  field(name: string): string {
    return `${this.having(new Set([name]))}[${literal(name)}]`;
  }

  again(): string {
    return this.#making.again;
  }

  cells(fields: FieldsRead): RecordCells | undefined {
    return fields === 'none' ? undefined : this.#making.cells(fields, this.#outer);
  }

  having(fields: FieldsRead): string {
    if (fields === 'none') return this.#fields === 'all' ? this.name : 'undefined';
    this.#fields = joinFields(this.#fields, fields);
    return this.name;
  }

  behindCondition(unit: CodeUnit): ConditionalRecord {
    if (this.#fields === 'all') return { record: this, declaration: () => '' };
    const record = new LateRecord(unit.fresh('record'), this.#making, this);
    return { record, declaration: () => record.declaration() };
  }

  declaration(): string {
    if (this.#fields === 'none') return '';
    const outer = this.#outer;
    if (outer !== undefined && contains(outer.#fields, this.#fields))
      return `const ${this.name} = ${outer.name};`;
    return this.#making.make(this.name, this.#fields, outer);
  }
}

/** True when a record made with `all` these fields can stand for one with only `some`. */
function contains(all: FieldsRead, some: FieldsRead): boolean {
  if (all === 'all' || all === 'none' || some === 'all' || some === 'none') return all === 'all';
  for (const field of some) if (!all.has(field)) return false;
  return true;
}
