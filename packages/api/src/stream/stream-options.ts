// Options of the methods of streams.
import type { DeepReadonly } from '../readonly.ts';

/** Options of `print()`. */
export interface PrintOptions<T> {
  /** Shown above a table, before each line of text. */
  readonly title?: string;
  /** `text` (default): a line a record, as it comes. `table`: rows, shown at the end. */
  readonly as?: 'text' | 'table';
  /** The line, or the row's cells by column. Default: the record. */
  readonly format?: (record: DeepReadonly<T>) => string | number | { readonly [column: string]: unknown };
}
