// What a program, a connector and the engine may use of the API.
export { jobBrand, sinkBrand, sourceBrand } from './brand.ts';
export type * from './connector/source.ts';
export type * from './connector/sink.ts';
export type * from './aggregate/aggregate-spec.ts';
export type * from './graph/operator.ts';
export type * from './graph/stream-graph.ts';
export type { DeepReadonly } from './readonly.ts';
export { outputTag, type, type OutputTag, type TypeToken } from './function/output-tag.ts';
export type * from './function/process-function.ts';
export * from './state/keyed-state.ts';
export { jobParameters, type JobParameters } from './job/job-parameters.ts';
export { durationMs, type Duration, type FilePort, type FileAppender } from '@millrace/common';
export type { Json, SubmissionContext } from '@millrace/proto';
