// One namespace of a table: which rows it has, and how many of its rows the store has.
import { OpenIndex } from './open-index.ts';

/** A namespace with rows. */
export class Slice {
  readonly namespace: number;
  /** Sets a namespace's lives apart in the store. */
  readonly generation: number;
  /** Stamp at which it came to be. */
  readonly created: number;
  index: OpenIndex;
  /** Open cursors: its rows are not evicted. */
  pins = 0;
  /** Rows that the store has and memory has not. */
  awayCount = 0;

  constructor(options: {
    namespace: number;
    generation: number;
    created: number;
    slots: Int32Array | undefined;
  }) {
    this.namespace = options.namespace;
    this.generation = options.generation;
    this.created = options.created;
    this.index = new OpenIndex(options.slots);
  }
}
