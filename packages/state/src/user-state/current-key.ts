// The key that handles and timers are about: shared, so that setting it costs two assignments.

export class CurrentKey {
  key: unknown = undefined;
  hash = 0;
}
