// What a program, a connector and the engine may use of the API.
export { jobBrand, sinkBrand, sourceBrand } from './brand.ts';
// Programs
export { defineJob, type JobDefinition } from './job/define-job.ts';
export type { StreamEnvironment, SourceOptions } from './job/stream-environment.ts';
export type { ExecuteOptions, JobExecutor, JobResult } from './job/execute-job.ts';
export { jobParameters, type JobParameters } from './job/job-parameters.ts';
export type { CheckpointOptions, ExternalizedCheckpoints } from './options/checkpoint-options.ts';
export type { AutoScalingOptions } from './options/auto-scaling-options.ts';
export type { JobOptions, RestartOptions } from './options/job-options.ts';
export type { DataStream } from './stream/data-stream.ts';
export type { KeyedStream } from './stream/keyed-stream.ts';
export type {
  BroadcastConnectedStream,
  BroadcastStream,
  ConnectedStreams,
  KeyedBroadcastConnectedStream,
  KeyedConnectedStreams,
} from './stream/connected-streams.ts';
export type {
  AllWindowedStream,
  AllWindowResult,
  WindowedStream,
  WindowResult,
} from './stream/windowed-stream.ts';
export type { ChangelogStream, ChangelogSinkOptions } from './changelog/changelog-stream.ts';
export type { KeyedChangelogStream } from './changelog/keyed-changelog-stream.ts';
export {
  changeSymbol,
  isAddition,
  isChangeKind,
  kindOfSymbol,
  type Change,
  type ChangeKind,
  type ChangeSymbol,
} from './changelog/change.ts';
export type { ChangelogMode, ChangelogModeName, ToChangelogOptions } from './changelog/changelog-mode.ts';
export type { ChangelogSink, SinkChanges } from './changelog/changelog-sink.ts';
export { asc, desc, type Comparable, type OrderBy, type Ordering } from './changelog/ordering.ts';
export type { GroupAggregateOptions } from './changelog/group-aggregate.ts';
export type {
  DeduplicateOptions,
  KeepFirstOptions,
  KeepLatestOptions,
  NormalizeOptions,
  UpdatingOptions,
  WindowDeduplicateOptions,
} from './changelog/deduplicate.ts';
export type { OverFrame, RowOverOptions, TimeOverOptions } from './changelog/over.ts';
export type { MiniBatchOptions, StateTtlOption, UpdateBeforeOption } from './changelog/running-options.ts';
export type { SortOptions } from './changelog/sort.ts';
export type { TableAggregator } from './changelog/table-aggregate.ts';
export type { Ranked, TopNRowsOptions, WindowTopNOptions } from './changelog/top-n.ts';
export type { StreamEnd } from './stream/stream-end.ts';
export type * from './join/join-options.ts';
export type { LookupBatchOptions, LookupCacheOptions, LookupJoinOptions } from './join/lookup-join.ts';
export type * from './join/join-spec.ts';
export type { PrintOptions } from './stream/stream-options.ts';
export type { DeepReadonly } from './readonly.ts';
export { outputTag, type, type OutputTag, type TypeToken } from './function/output-tag.ts';
export type * from './function/process-function.ts';
export type * from './function/metrics.ts';
export type * from './function/co-process-function.ts';
export type {
  AsyncCall,
  AsyncContext,
  AsyncFunction,
  AsyncOptions,
  AsyncOrder,
  AsyncRetry,
} from './function/async-function.ts';
export type {
  FilterFunction,
  FilterGuardFunction,
  FlatMapFunction,
  ForEachFunction,
  MapFunction,
} from './function/lifecycle-functions.ts';
export * from './state/keyed-state.ts';
export type { Migrations, StateOptions, TtlOptions } from './state/state-options.ts';
export type * from './state/operator-state.ts';
export * from './aggregate/aggregates.ts';
export {
  countWindow,
  cumulating,
  endOfInput,
  globalWindow,
  session,
  sliding,
  tumbling,
  type SessionOptions,
  type WindowAssigner,
  type WindowOptions,
} from './window/windows.ts';
export { trigger, type Trigger, type TriggerContext, type TriggerFunctions } from './window/triggers.ts';
export {
  continuousEventTimeTrigger,
  continuousProcessingTimeTrigger,
  countTrigger,
  deltaTrigger,
  endOfInputTrigger,
  eventTimeTrigger,
  neverTrigger,
  processingTimePeriodTrigger,
  processingTimeTrigger,
  type EarlyAndLate,
} from './window/built-in-triggers.ts';
export {
  processingTimeoutTrigger,
  purgingTrigger,
  type ProcessingTimeoutOptions,
} from './window/combined-triggers.ts';
export {
  countEvictor,
  deltaEvictor,
  evictor,
  timeEvictor,
  type Evict,
  type Evictor,
  type EvictorContext,
  type EvictorOptions,
  type WindowElement,
} from './window/evictors.ts';
export type {
  ProcessAllWindowFunction,
  ProcessWindowFunction,
  Window,
  WindowContext,
} from './window/window-function.ts';
export { percolate, type PercolateOptions, type QueryChanges } from './search/percolate.ts';
export * from './search/standing-query.ts';
export { clusterWith, type ClusterWithOptions } from './clustering/cluster-with.ts';
export { nearestCentre, streamingKMeans } from './clustering/streaming-k-means.ts';
export type {
  Centres,
  Clustered,
  ClusterStreams,
  StreamingKMeansOptions,
} from './clustering/streaming-k-means.ts';
export * from './sketch/sketch-aggregates.ts';
export * from './sketch/sketch-state.ts';
export * from './sketch/hyper-log-log.ts';
export * from './sketch/dd-sketch.ts';
export * from './sketch/space-saving.ts';
export * from './sketch/bloom-filter.ts';
export * from './sketch/count-min.ts';
export type * from './sketch/sketch.ts';
export {
  begin,
  type Begin,
  type Condition,
  type RepeatOptions,
  type StepContext,
} from './pattern/pattern.ts';
export type { Pattern } from './pattern/pattern.ts';
export {
  noSkip,
  skipPastLastEvent,
  skipToFirst,
  skipToLast,
  skipToNext,
  type SkipOptions,
  type SkipStrategy,
} from './pattern/after-match.ts';
export type * from './pattern/pattern-json.ts';
export type { MatchOf, PartialMatch, PatternLike } from './pattern/pattern-types.ts';
export type { MatchContext, PatternOptions, PatternStream, TimedOutMatch } from './stream/pattern-stream.ts';
export type { RuleMatch } from './stream/keyed-stream.ts';
export {
  boundedOutOfOrderness,
  customWatermarks,
  ingestionTime,
  monotonous,
  noWatermarks,
  punctuated,
  type CustomWatermarkOptions,
  type TimestampFunction,
  type WatermarkGenerator,
  type Watermarks,
} from './watermark/watermarks.ts';
export type { AlignmentOptions, WatermarkOptions, WatermarkTiming } from './watermark/watermark-options.ts';
export type { DeadLetter } from './failure/dead-letter.ts';
export type { FailureAction, OnFailure } from './failure/failure-policy.ts';
// Sources and the connector kit
export { fromArray, type FromArrayOptions } from './source/from-array.ts';
export { generate, type FieldFunctions, type GenerateOptions } from './source/generate.ts';
export { defineSource, type SourceChunk, type SourceDefinition } from './source/define-source.ts';
export type * from './connector/source.ts';
export type * from './connector/sink.ts';
export { parseCommittable, type FileCommittable } from './file-sink/committable.ts';
export { fileCommitter } from './file-sink/file-committer.ts';
export { forEachEpoch, type Epoch, type EpochWriter } from './connector/for-each-epoch.ts';
export { isFileOfRun, isSinkFile } from './file-sink/file-name.ts';
export { FileWriter, type FileWriterOptions } from './file-sink/file-writer.ts';
export type { RecordEncoder } from './file-sink/record-encoder.ts';
export {
  durationMs,
  isMillraceError,
  MillraceError,
  type Duration,
  type ErrorCode,
  type FileAppender,
  type FilePort,
} from '@millrace/common';
export type { CheckpointMode, Json, SubmissionContext } from '@millrace/proto';
// The engine's view
export { DEAD_LETTERS } from './failure/dead-letter.ts';
export { deadLetterDirectory } from './failure/dead-letter-sink.ts';
export type { FailurePolicy } from './failure/failure-policy.ts';
export type * from './aggregate/aggregate-spec.ts';
export type * from './graph/async-spec.ts';
export type * from './pattern/pattern-spec.ts';
export { windowMs } from './pattern/check-pattern.ts';
export { parsePatternRule, patternOfJson } from './pattern/parse-pattern.ts';
export type * from './changelog/changelog-operator.ts';
export type * from './graph/operator.ts';
export type * from './graph/state-spec.ts';
export type * from './graph/window-spec.ts';
export type * from './graph/pattern-operator.ts';
export type * from './graph/stream-graph.ts';
export { describeStreamGraph } from './graph/describe-stream-graph.ts';
export { overrideCheckpoint } from './options/checkpoint-options.ts';
export { compareStreamGraphs } from './graph/compare-stream-graphs.ts';
