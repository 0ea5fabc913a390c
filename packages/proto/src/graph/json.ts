// Plain JSON: what may stand in graphs, split positions and committables.

/** A value that JSON holds exactly. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json };
