// Streaming k-means as an operator: each record with its cluster, and the centres as a stream to be asked.
import type { Duration } from '@millrace/common';
import { recordFunction } from '../function/check-function.ts';
import { outputTag } from '../function/output-tag.ts';
import type { KeyedProcessContext } from '../function/process-function.ts';
import {
  describe,
  integerOption,
  invalidOption,
  positiveMs,
  positiveOption,
  refuseUnknownOptions,
} from '../options/check-options.ts';
import type { DeepReadonly } from '../readonly.ts';
import { valueState } from '../state/keyed-state.ts';
import type { DataStream } from '../stream/data-stream.ts';
import type { KeyedStream } from '../stream/keyed-stream.ts';
import { nearestOf, newModel, withPoint, type KMeansModel, type Nearest } from './k-means-model.ts';

/** Clusters and dimensions at most: both are gone through for each record. */
const CLUSTERS_MAX = 1_000;
const DIMENSIONS_MAX = 1_000;
const WARM_UP_POINTS_MAX = 10_000;
/** Points of the warm-up for each cluster unless set. */
const WARM_UP_PER_CLUSTER = 20;

/** Options of {@link streamingKMeans}. */
export interface StreamingKMeansOptions<T> {
  /** Clusters. Bounds: 1 to 1,000. */
  readonly k: number;
  /** The record as a point: finite numbers, always equally many (1 to 1,000), on scales that can be compared. */
  readonly features: (record: DeepReadonly<T>) => readonly number[];
  /** In which the weight of what came halves: a number of records, or a duration of event time. Unset, nothing is forgotten. */
  readonly halfLife?: { readonly records: number } | { readonly time: Duration };
  /** How often the centres are sent, in event time, if a record came. Default 1 minute. */
  readonly every?: Duration;
  /** Where the centres start: k points. Unset, a warm-up finds them. */
  readonly centres?: readonly (readonly number[])[];
  /**
   * Records after which the centres are chosen anew by k-means++ over all of them, so that cluster numbers change once; before,
   * the first distinct points are the centres. Default 20 · k. Bounds: 0 to 10,000.
   */
  readonly warmUp?: number;
  /** Of the draws of k-means++. Default 1. */
  readonly seed?: number;
}

/** A record, the number of its cluster from 0, and how far the cluster's centre was. */
export interface Clustered<T> extends Nearest {
  readonly record: T;
}

/** The centres of a key as they are now. */
export interface Centres<K> {
  readonly key: K;
  /** Event time at which they are so, ms since the epoch, UTC. */
  readonly atMs: number;
  /** Records so far. */
  readonly count: number;
  readonly centres: readonly {
    readonly cluster: number;
    readonly centre: readonly number[];
    /** Records of the cluster, each worth what is left of it. */
    readonly weight: number;
  }[];
}

/** What {@link streamingKMeans} gives. */
export interface ClusterStreams<K, T> {
  /** Each record with its cluster, in order of arrival and with its event time. */
  readonly clustered: DataStream<Clustered<T>>;
  /** The centres, from time to time and at the end of the input: to be stored, shown, or broadcast to another stream. */
  readonly centres: DataStream<Centres<K>>;
}

/**
 * k-means over a stream that changes: each record moves the centre nearest to it, by less the more records the cluster has,
 * whose weight decays by `halfLife`. A stream without a key is clustered as a whole, in one subtask; a keyed one by key.
 * Contract: needs event time. The model is keyed state, exactly once. A cluster that has practically no weight left starts anew at
 * the next point that is in no centre.
 * Source: MacQueen, "Some methods for classification and analysis of multivariate observations" (1967); forgetting as in
 * Spark's StreamingKMeans.
 * @throws {MillraceError} MR_USER_FUNCTION while running, when `features` gives something else than finite numbers, equally many
 */
export function streamingKMeans<K, T>(
  input: KeyedStream<K, T>,
  options: StreamingKMeansOptions<T>,
): ClusterStreams<K, T>;
export function streamingKMeans<T>(
  input: DataStream<T>,
  options: StreamingKMeansOptions<T>,
): ClusterStreams<null, T>;
export function streamingKMeans<K, T>(
  input: KeyedStream<K, T> | DataStream<T>,
  options: StreamingKMeansOptions<T>,
): ClusterStreams<K, T> | ClusterStreams<null, T> {
  const keyed = ('keyBy' in input ? input.keyBy(() => null) : input) as KeyedStream<K, T>;
  const settings = settingsOf(options);
  const { features } = settings;
  const tag = outputTag<Centres<K>>('centres');
  const clustered = keyed
    .process({
      state: { model: valueState<KMeansModel>() },
      onRecord(record, ctx): [Clustered<DeepReadonly<T>>] {
        const known = ctx.state.model.value();
        const point = pointOf(features(record), known?.dimensions ?? settings.dimensions);
        const before = known ?? newModel(point.length, settings.centres);
        const now = settings.isByTime ? ctx.timestamp : before.count;
        const { model, nearest } = withPoint(before, point, { now, settings });
        ctx.state.model.update(model);
        ctx.timers.registerEventTime(nextTime(ctx, settings.everyMs));
        return [{ record, ...nearest }];
      },
      onTimer({ timestamp }, ctx) {
        const model = ctx.state.model.value();
        if (model !== undefined) ctx.output(tag, centresOf(ctx.key, timestamp, model) as never);
      },
    })
    .name('streaming k-means');
  return {
    clustered: clustered as unknown as DataStream<Clustered<T>>,
    centres: clustered.sideOutput(tag),
  };
}

/** Returns the cluster of `centres` whose centre is nearest to a point: for records of another stream. */
export function nearestCentre(centres: Pick<Centres<unknown>, 'centres'>, point: readonly number[]): Nearest {
  return nearestOf(
    centres.centres.flatMap(({ centre }) => centre),
    point,
  );
}

function centresOf(key: unknown, atMs: number, model: DeepReadonly<KMeansModel>): Centres<unknown> {
  const { dimensions, weights, centres, count } = model;
  return {
    key,
    atMs,
    count,
    centres: weights.map((weight, cluster) => ({
      cluster,
      centre: centres.slice(cluster * dimensions, (cluster + 1) * dimensions),
      weight,
    })),
  };
}

/** Centres are due at the end of the interval that the record is in, late ones with the next watermark. */
function nextTime(
  { timestamp, watermark }: Pick<KeyedProcessContext<unknown, {}, unknown>, 'timestamp' | 'watermark'>,
  everyMs: number,
): number {
  const timeMs = Math.max(timestamp, watermark + 1);
  if (!Number.isFinite(timeMs))
    throw new TypeError('streaming k-means needs event time: call .watermarks(…) on the stream before');
  return (Math.floor(timeMs / everyMs) + 1) * everyMs - 1;
}

function pointOf(point: readonly number[], dimensions: number | undefined): readonly number[] {
  if (!Array.isArray(point) || point.length < 1 || point.length > DIMENSIONS_MAX)
    throw new TypeError(`\`features\` has to give an array of 1 to ${DIMENSIONS_MAX} numbers`);
  if (dimensions !== undefined && point.length !== dimensions)
    throw new TypeError(`\`features\` gave ${point.length} numbers, and ${dimensions} before`);
  if (!point.every((coordinate) => Number.isFinite(coordinate)))
    throw new TypeError(`\`features\` gave ${JSON.stringify(point)}: all have to be finite numbers`);
  return point;
}

function settingsOf<T>(options: StreamingKMeansOptions<T>) {
  refuseUnknownOptions('streamingKMeans()', options, [
    'k',
    'features',
    'halfLife',
    'every',
    'centres',
    'warmUp',
    'seed',
  ]);
  const k = integerOption('`k` of streamingKMeans()', options.k, { min: 1, max: CLUSTERS_MAX });
  const { halfLife, centres } = options;
  const isByTime = halfLife !== undefined && 'time' in halfLife;
  if (centres !== undefined) checkCentres(k, centres);
  return {
    k,
    isByTime,
    halfLife: halfLifeOf(halfLife),
    features: recordFunction('`features` of streamingKMeans()', options.features),
    everyMs: positiveMs('`every` of streamingKMeans()', options.every ?? '1 minute'),
    centres: centres === undefined ? [] : centres.flat(),
    dimensions: centres?.[0]?.length,
    warmUpPoints: integerOption(
      '`warmUp` of streamingKMeans()',
      options.warmUp ?? (centres === undefined ? Math.min(k * WARM_UP_PER_CLUSTER, WARM_UP_POINTS_MAX) : 0),
      { min: 0, max: WARM_UP_POINTS_MAX },
    ),
    seed: integerOption('`seed` of streamingKMeans()', options.seed ?? 1, { min: 0, max: 2 ** 31 - 1 }),
  };
}

function halfLifeOf(halfLife: StreamingKMeansOptions<never>['halfLife']): number {
  const what = '`halfLife` of streamingKMeans()';
  if (halfLife === undefined) return Infinity;
  refuseUnknownOptions(what, halfLife, ['records', 'time']);
  return 'time' in halfLife ? positiveMs(what, halfLife.time) : positiveOption(what, halfLife.records);
}

function checkCentres(k: number, centres: readonly (readonly number[])[]): void {
  const dimensions = centres[0]?.length ?? 0;
  const isValid =
    centres.length === k &&
    dimensions >= 1 &&
    dimensions <= DIMENSIONS_MAX &&
    centres.every((centre) => centre.length === dimensions && centre.every((each) => Number.isFinite(each)));
  if (isValid) return;
  throw invalidOption(
    `Cannot use ${describe(centres)} as \`centres\` of streamingKMeans(): write ${k} arrays of equally many finite numbers`,
  );
}
