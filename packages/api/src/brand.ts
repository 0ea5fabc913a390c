// A program's bundle carries its own copy of this package, so that the engine knows API objects by brand and version,
// never by `instanceof` or identity.

/** On what `defineJob` returns. */
export const jobBrand: unique symbol = Symbol.for('millrace.job') as never;
/** On each source. */
export const sourceBrand: unique symbol = Symbol.for('millrace.source') as never;
/** On each sink. */
export const sinkBrand: unique symbol = Symbol.for('millrace.sink') as never;
