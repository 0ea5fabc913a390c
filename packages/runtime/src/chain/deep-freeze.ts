// Freezes records where a flag asks for it, so that a function that changes one is found out.

/** Freezes a value all the way down; what cannot be frozen (typed arrays) stays as it is. Cycles are followed once. */
export function deepFreeze(value: unknown): void {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value) || ArrayBuffer.isView(value))
    return;
  Object.freeze(value);
  for (const name of Object.keys(value)) deepFreeze((value as Record<string, unknown>)[name]);
}
