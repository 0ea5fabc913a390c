// The end of a stream: nothing follows, but it can be named.
import { DEAD_LETTERS, type DeadLetter } from '../failure/dead-letter.ts';
import type { OnFailure } from '../failure/failure-policy.ts';
import type { StreamGraphBuilder } from '../graph/stream-graph-builder.ts';
import type { Transformation } from '../graph/transformation.ts';
import type { DataStream } from './data-stream.ts';
import type { StreamScope } from './stream-scope.ts';

/** What `sink`, `print` and `forEach` return. */
export class StreamEnd {
  readonly #scope: StreamScope;
  readonly #transformation: Transformation;

  constructor(scope: StreamScope, transformation: Transformation) {
    this.#scope = scope;
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

  /** What becomes of a record that the sink or the function fails on: as behind any operator. */
  onError(onError: OnFailure): this {
    this.#builder.checkOpen();
    this.#transformation.setOnError(onError);
    return this;
  }

  /** Records that it failed on, with `.onError('dead-letter')`. */
  deadLetters(): DataStream<DeadLetter> {
    return this.#scope.streamOf<never>(this.#transformation).sideOutput({ name: DEAD_LETTERS });
  }

  /** Number of subtasks; unset, the job's. */
  parallelism(parallelism: number): this {
    this.#builder.checkOpen();
    this.#transformation.setParallelism(parallelism);
    return this;
  }

  get #builder(): StreamGraphBuilder {
    return this.#scope.builder;
  }
}
