// Plain JSON: what may stand in graphs, split positions and committables.

export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json };
