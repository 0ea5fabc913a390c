// What streams of one program share.
import type { ChangelogMode } from '../changelog/changelog-mode.ts';
import type { ChangelogStream } from '../changelog/changelog-stream.ts';
import type { StreamGraphBuilder } from '../graph/stream-graph-builder.ts';
import type { StreamOutlet, Transformation } from '../graph/transformation.ts';
import type { JobParameters } from '../job/job-parameters.ts';
import type { DataStream } from './data-stream.ts';

/** Handed from stream to stream. */
export interface StreamScope {
  readonly builder: StreamGraphBuilder;
  readonly params: JobParameters;
  /** Stream of a transformation's main output. */
  streamOf<T>(transformation: Transformation): DataStream<T>;
  /** Stream of an outlet: the operator behind it is named elsewhere. */
  viewOf<T>(outlet: StreamOutlet): DataStream<T>;
  /** Changelog of a transformation's main output. */
  changelogOf<T>(outlet: StreamOutlet, mode: ChangelogMode): ChangelogStream<T>;
}
