// Arrays in state that are changed in place as long as no snapshot has them.

/**
 * Hands out arrays that may be changed: one that a snapshot may have is copied first, once a barrier.
 * Contract: `disown` is called when state is frozen; the copy has to be put back into the state.
 */
export class OwnedArrays {
  #owned = new WeakSet<object>();

  changeable<T>(array: readonly T[] | undefined): T[] {
    if (array === undefined) return this.#own([]);
    if (this.#owned.has(array)) return array as T[];
    return this.#own([...array]);
  }

  disown(): void {
    this.#owned = new WeakSet();
  }

  #own<T>(array: T[]): T[] {
    this.#owned.add(array);
    return array;
  }
}
