// Options of the methods of streams.
import type { Key } from '../state/keyed-state.ts';
import type { DeepReadonly } from '../readonly.ts';

/** How a record finds its row of a static table, and what becomes of both. */
export interface JoinOptions<T, Row, K extends Key, Type extends 'inner' | 'left', Out> {
  /** Of the record. */
  readonly recordKey: (record: DeepReadonly<T>) => K;
  /** Of a row; unique in the table: of several the last one counts. */
  readonly tableKey: (row: DeepReadonly<Row>) => NoInfer<K>;
  /** `left` keeps records without a row; `inner` drops them. Default `inner`. */
  readonly type?: Type;
  readonly select: (
    record: DeepReadonly<T>,
    row: Type extends 'left' ? DeepReadonly<Row> | undefined : DeepReadonly<Row>,
  ) => Out;
}

/** Options of `print()`. */
export interface PrintOptions<T> {
  /** Shown above a table, before each line of text. */
  readonly title?: string;
  /** `text` (default): a line a record, as it comes. `table`: rows, shown at the end. */
  readonly as?: 'text' | 'table';
  /** The line, or the row's cells by column. Default: the record. */
  readonly format?: (record: DeepReadonly<T>) => string | number | { readonly [column: string]: unknown };
}
