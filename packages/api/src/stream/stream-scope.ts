// What streams of one program share.
import type { StreamGraphBuilder } from '../graph/stream-graph-builder.ts';
import type { Transformation } from '../graph/transformation.ts';
import type { JobParameters } from '../job/job-parameters.ts';
import type { DataStream } from './data-stream.ts';

/** Handed from stream to stream. */
export interface StreamScope {
  readonly builder: StreamGraphBuilder;
  readonly params: JobParameters;
  /** Stream of a transformation's main output. */
  streamOf<T>(transformation: Transformation): DataStream<T>;
}
