export type * from './keyed-state-backend.ts';
