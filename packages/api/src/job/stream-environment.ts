// What the build function of a job gets.
import type { SubmissionContext } from '@millrace/proto';
import { sourceBrand } from '../brand.ts';
import type { ChangelogMode } from '../changelog/changelog-mode.ts';
import { ChangelogStream } from '../changelog/changelog-stream.ts';
import type { Source } from '../connector/source.ts';
import { failurePolicy, type OnFailure } from '../failure/failure-policy.ts';
import type { StreamGraphBuilder } from '../graph/stream-graph-builder.ts';
import type { StreamOutlet, Transformation } from '../graph/transformation.ts';
import type { JobOptions } from '../options/job-options.ts';
import {
  describe,
  givenOptions,
  invalidOption,
  positiveOption,
  refuseUnknownOptions,
} from '../options/check-options.ts';
import type { DeepMutable } from '../readonly.ts';
import { DataStream } from '../stream/data-stream.ts';
import type { StreamScope } from '../stream/stream-scope.ts';
import { watermarkSpec, type Watermarks } from '../watermark/watermarks.ts';
import { jobParameters, type JobParameters } from './job-parameters.ts';

/** Options of a source in a job. */
export interface SourceOptions<T> {
  readonly name?: string;
  readonly uid?: string;
  readonly parallelism?: number;
  /** Same as `.watermarks(…)` behind it. */
  readonly watermarks?: Watermarks<DeepMutable<T>>;
  /** Records per second of all subtasks together. */
  readonly ratePerSecond?: number;
  /**
   * What becomes of a record that cannot be read. Default `dead-letter`: it is kept, with its bytes, its position and the
   * reason, and counted; `skip`: it is only counted; `fail`: it fails the job. What its watermarks' function fails on is
   * `onError`'s, behind the source.
   */
  readonly onMalformed?: OnFailure;
}

const SOURCE_OPTIONS = ['name', 'uid', 'parallelism', 'watermarks', 'ratePerSecond', 'onMalformed'];

/** Threading: used inside the build function only, synchronously. */
export class StreamEnvironment {
  /** Parameters behind `--`, with types and defaults. */
  readonly params: JobParameters;
  /** Everything behind `--`, as it was given. */
  readonly args: readonly string[];
  /** Environment variables that were declared at submission; `process.env` differs between machines. */
  readonly environment: { readonly [name: string]: string };
  readonly #builder: StreamGraphBuilder;
  #options: JobOptions;

  constructor(builder: StreamGraphBuilder, submission: SubmissionContext, options: JobOptions) {
    this.#builder = builder;
    this.#options = options;
    this.params = jobParameters(submission.params);
    this.args = submission.args;
    this.environment = submission.environment;
  }

  /** Options set so far. */
  get jobOptions(): JobOptions {
    return this.#options;
  }

  /** Sets options of the job, over those that defineJob() was given. */
  options(options: JobOptions): void {
    this.#builder.checkOpen();
    this.#options = { ...this.#options, ...givenOptions(options) };
  }

  /** A stream of a source's records. */
  source<T>(source: Source<T>, options: SourceOptions<T> = {}): DataStream<T> {
    if (source?.[sourceBrand] !== 1)
      throw invalidOption(
        `Cannot use ${describe(source)} as a source: write one such as fromArray([…]) or csv({ path })`,
      );
    refuseUnknownOptions('env.source()', options, SOURCE_OPTIONS);
    const {
      onMalformed = source.isWellFormed === true ? 'fail' : 'dead-letter',
      ratePerSecond = source.ratePerSecond,
      name,
      uid,
      parallelism,
      watermarks,
    } = options;
    if (ratePerSecond !== undefined)
      positiveOption(`\`ratePerSecond\` of source "${source.name}"`, ratePerSecond);
    const transformation = this.#builder.add(
      {
        kind: 'source',
        source,
        onMalformed: failurePolicy('onMalformed', onMalformed),
        ...(ratePerSecond === undefined ? {} : { ratePerSecond }),
        ...(watermarks === undefined ? {} : { watermarks: watermarkSpec(watermarks) }),
      },
      [],
      source.name,
    );
    if (name !== undefined) transformation.setName(name);
    if (uid !== undefined) transformation.setUid(uid);
    if (parallelism !== undefined) transformation.setParallelism(parallelism);
    return this.#scope.streamOf<T>(transformation);
  }

  get #scope(): StreamScope {
    const scope: StreamScope = {
      builder: this.#builder,
      params: this.params,
      streamOf: <T>(from: Transformation) => new DataStream<T>(scope, { from, partitioning: 'forward' }),
      viewOf: <T>(outlet: StreamOutlet) => new DataStream<T>(scope, outlet, true),
      changelogOf: <T>(outlet: StreamOutlet, mode: ChangelogMode) =>
        new ChangelogStream<T>(scope, outlet, mode),
    };
    return scope;
  }
}
