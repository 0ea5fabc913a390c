// The key that handles and timers are about: shared, so that setting it costs two assignments.

/** Set by the operator before each record and each timer. */
export class CurrentKey {
  key: unknown = undefined;
  hash = 0;
}
