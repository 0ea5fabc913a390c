// [HOT] Answers that came while the task was at something else: all of them are one mail, however many promises settled.
import type { AsynchronousPort } from '../../chain/operator-chain.ts';
import type { InFlightEntry } from './in-flight-entry.ts';

/** What became of a call: its result, or what it failed with. */
export interface Answer<C> {
  readonly entry: InFlightEntry<C>;
  readonly call: C;
  readonly value: unknown;
  readonly isError: boolean;
}

/**
 * Contract: `take` is called between two batches, with the answers in the order in which they came. Bounds: as many as calls are under way.
 * Threading: the slot's thread. (bench: test/bench/state-kinds.bench.ts)
 */
export class Answers<C> {
  readonly #port: Pick<AsynchronousPort, 'put'>;
  readonly #take: (answer: Answer<C>) => void;
  #came: Answer<C>[] = [];

  constructor(port: Pick<AsynchronousPort, 'put'>, take: (answer: Answer<C>) => void) {
    this.#port = port;
    this.#take = take;
  }

  await(promise: PromiseLike<unknown>, entry: InFlightEntry<C>, call: C): void {
    promise.then(
      (value) => this.#put({ entry, call, value, isError: false }),
      (value: unknown) => this.#put({ entry, call, value, isError: true }),
    );
  }

  #put(answer: Answer<C>): void {
    if (this.#came.push(answer) === 1) this.#port.put(this.#deliver);
  }

  readonly #deliver = (): void => {
    const came = this.#came;
    this.#came = [];
    for (let index = 0; index < came.length; index++) this.#take(came[index] as Answer<C>);
  };
}
