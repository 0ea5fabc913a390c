// What a program, a connector and the engine may use of the API.
export { jobBrand, sinkBrand, sourceBrand } from './brand.ts';
export type * from './connector/source.ts';
export type * from './connector/sink.ts';
export type * from './aggregate/aggregate-spec.ts';
export type * from './graph/operator.ts';
export type * from './graph/stream-graph.ts';
export type { FilePort, FileAppender } from '@millrace/common';
export type { Json, SubmissionContext } from '@millrace/proto';
