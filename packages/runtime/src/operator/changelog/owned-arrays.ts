// [HOT] Arrays in state that are changed in place as long as no snapshot has them.

/** Since which turn an array is its owner's: on the array itself, where a look costs no hashing. No codec sees it. */
const OWNED = Symbol('owned since');

interface MarkedArray<T> extends Array<T> {
  [OWNED]?: number;
}

/** Turns of all owners in this thread, so that no two have the same. */
let turns = 0;

/**
 * Hands out arrays that may be changed: one that a snapshot may have is copied first, once a barrier.
 * Contract: `disown` is called when state is frozen; the copy has to be put back into the state.
 */
export class OwnedArrays {
  #turn = ++turns;

  changeable<T>(array: readonly T[] | undefined): T[] {
    if (array === undefined) return this.#own([]);
    return (array as MarkedArray<T>)[OWNED] === this.#turn ? (array as T[]) : this.#own([...array]);
  }

  disown(): void {
    this.#turn = ++turns;
  }

  #own<T>(array: MarkedArray<T>): T[] {
    array[OWNED] = this.#turn;
    return array;
  }
}
