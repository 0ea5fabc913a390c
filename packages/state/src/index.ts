// What the other packages may use of state.
export type * from './keyed-state-backend.ts';
export type { StateTtl, TtlClock } from './ttl/state-ttl.ts';
export { openKeyedStateBackend } from './backend/open-keyed-state-backend.ts';
export { MemoryKeyValueStore } from './adapter/memory-key-value-store.ts';
export { REBASE_INTERVAL } from './snapshot/checkpoint-ledger.ts';
export { LOG_BYTES_MAX_DEFAULT } from './spill/spill-log.ts';
export { PackedList } from './packed/packed-list.ts';
export { flattenString, ownKey, sameKey } from './table/own-key.ts';
export { TextCodes } from './table/text-codes.ts';
export { PREFETCH_ROWS } from './table/row-prefetch.ts';
export {
  inspectKeyedState,
  type InspectedKind,
  type InspectOptions,
  type StateSample,
  type StateSummary,
} from './inspect/inspect-keyed-state.ts';
