// What the other packages may use of common.
export { ERROR_CODES, type ErrorCode, type Fault, type RetryVerdict } from './errors/codes.ts';
export {
  MillraceError,
  classify,
  fromWireError,
  isMillraceError,
  toWireError,
  type ErrorDetails,
  type MillraceErrorOptions,
  type WireError,
} from './errors/millrace-error.ts';
export { invariant, unreachable } from './errors/invariant.ts';
export * from './ids.ts';
export * from './ports.ts';
export { describeDuration, durationMs, toFiniteWatermark, WATERMARK_END_MS, type Duration } from './time.ts';
export { Prng } from './prng.ts';
export { hashId } from './hash-id.ts';
export {
  DEFAULT_KEY_GROUP_COUNT,
  hashKey,
  hashNumber,
  hashString,
  keyGroupOfHash,
  keyGroupRange,
  mix32,
  remainder,
  subtaskOfKeyGroup,
  type KeyGroupRange,
} from './key-hash.ts';
export { isNullKey } from './null-key.ts';
export {
  environmentName,
  flagsOf,
  parseOption,
  valuesOf,
  type OptionEntry,
  type OptionType,
  type OptionValue,
} from './config/option-entry.ts';
export { OPTIONS, optionsOf } from './config/options.ts';
export {
  checkBindHost,
  checkPeerAddress,
  formatAddress,
  isLoopback,
  isWildcard,
} from './config/bind-address.ts';
export { LogHistogram, mergeHistograms, quantileOf, type HistogramSnapshot } from './log-histogram.ts';
export { RingBuffer } from './collections/ring-buffer.ts';
