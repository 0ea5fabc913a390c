// What the other packages may use of the engine.
export type * from './slot/slot-ports.ts';
export type * from './chain/operator-chain.ts';
export type { CheckpointTrigger } from './task/task.ts';
export { SlotRuntime, type SlotRuntimeOptions } from './slot/slot-runtime.ts';
export { openOperatorChain } from './chain/open-operator-chain.ts';
