// Test kit: virtual time and the world in memory.
export * from './virtual-time.ts';
export * from './memory-blob-store.ts';
export * from './memory-network.ts';
export { ChainHarness } from './harness/chain-harness.ts';
export type * from './harness/harness-options.ts';
export {
  endOfInput,
  leftRecord,
  processingTime,
  record,
  rightRecord,
  verifyOperator,
  verifyTwoInputs,
  watermark,
  type HarnessEvent,
  type OperatorVerification,
} from './harness/verify-operator.ts';
export { simulateJob, LIVENESS_MS, type SimResult, type SimulateOptions } from './sim/simulate-job.ts';
export { drawPlan, type Knob } from './sim/draw-run.ts';
export type { KnobSetter } from './sim/knobs.ts';
export { linesOf } from './sim/compare-outputs.ts';
export type * from './sim/sim-plan.ts';
export type * from './sim/simulated-job.ts';
