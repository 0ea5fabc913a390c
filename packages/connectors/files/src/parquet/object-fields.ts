// Fields of the objects in a column: each a column of its own in the file, or taken out of objects that were made.
import type { SourceColumn } from '@millrace/api';
import type { ColumnReader, FlatColumn } from './flat-column.ts';
import { sizedArray } from './plain-values.ts';
import type { ReadColumn } from './row-maker.ts';
import type { ChosenRows, ObjectFields } from './variant-rows.ts';

/** Contract: of a group that may be null each gives `undefined` for that. */
export class FlatFields implements ObjectFields {
  readonly columns: readonly FlatColumn[];

  constructor(columns: readonly FlatColumn[]) {
    this.columns = columns;
  }

  read(rowCount: number, chosen: ChosenRows, readColumn: ReadColumn): SourceColumn[] {
    return this.columns.map((column) => ({
      name: column.name,
      values: readColumn(column, () => column.readChosen(rowCount, chosen)),
    }));
  }

  hasInexact(index: number): boolean {
    return this.columns[index]?.hasInexact === true;
  }
}

/** Fields of a column of objects that only the library can read, or that are nested themselves. */
export class FieldsOfObjects implements ObjectFields {
  readonly columns: readonly ColumnReader[];
  readonly #objects: ColumnReader;
  readonly #names: readonly string[];

  constructor(objects: ColumnReader, names: readonly string[]) {
    this.columns = [objects];
    this.#objects = objects;
    this.#names = names;
  }

  read(rowCount: number, { rows, count }: ChosenRows, readColumn: ReadColumn): SourceColumn[] {
    const objects = readColumn(this.#objects, () => this.#objects.read(rowCount)) as readonly unknown[];
    return this.#names.map((name) => {
      const values = sizedArray(count);
      for (let index = 0; index < count; index++) {
        const object = objects[rows[index] as number] as Readonly<Record<string, unknown>> | null | undefined;
        values[index] = object === null || object === undefined ? undefined : (object[name] ?? null);
      }
      return { name, values };
    });
  }

  /** The library leaves what no number holds as it is. */
  hasInexact(): boolean {
    return false;
  }
}

/** Of a file that has no such objects: where one should be, the row is malformed. */
export class NoFields implements ObjectFields {
  readonly columns = [];
  readonly #name: string;

  constructor(name: string) {
    this.#name = name;
  }

  read(_rowCount: number, { count }: ChosenRows): SourceColumn[] {
    return [{ name: this.#name, values: sizedArray(count).fill(undefined) }];
  }

  hasInexact(): boolean {
    return false;
  }
}
