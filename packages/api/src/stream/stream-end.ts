// The end of a stream: nothing follows, but it can be named.
import type { StreamGraphBuilder } from '../graph/stream-graph-builder.ts';
import type { Transformation } from '../graph/transformation.ts';

/** What `sink`, `print` and `forEach` return. */
export class StreamEnd {
  readonly #builder: StreamGraphBuilder;
  readonly #transformation: Transformation;

  constructor(builder: StreamGraphBuilder, transformation: Transformation) {
    this.#builder = builder;
    this.#transformation = transformation;
  }

  /** Names the operator for good: its state is found by it after the program was changed. Unique in the job. */
  uid(uid: string): this {
    this.#builder.checkOpen();
    this.#transformation.setUid(uid);
    return this;
  }

  /** Name in plans, logs and metrics. */
  name(name: string): this {
    this.#builder.checkOpen();
    this.#transformation.setName(name);
    return this;
  }

  /** Number of subtasks; unset, the job's. */
  parallelism(parallelism: number): this {
    this.#builder.checkOpen();
    this.#transformation.setParallelism(parallelism);
    return this;
  }
}
