// Records of any stream, classed by centres that another stream finds while the job runs.
import { recordFunction } from '../function/check-function.ts';
import { mapState } from '../state/keyed-state.ts';
import { refuseUnknownOptions } from '../options/check-options.ts';
import type { DeepReadonly } from '../readonly.ts';
import type { DataStream } from '../stream/data-stream.ts';
import { nearestCentre, type Centres, type Clustered } from './streaming-k-means.ts';

/** Options of {@link clusterWith}. */
export interface ClusterWithOptions<K, T> {
  /** The record as a point: numbers, as many as the centres have, on their scales. */
  readonly features: (record: DeepReadonly<T>) => readonly number[];
  /** Whose centres: the key of a clustering by key. Unset, the one of a clustering as a whole. */
  readonly key?: (record: DeepReadonly<T>) => K;
}

/**
 * Each record with the cluster that it belongs to by the newest centres: the current centres of {@link streamingKMeans}, asked by
 * the records of another stream.
 * Contract: centres are broadcast state, exactly once, alike in all subtasks, the newest of each key. Records meet those that came before
 * them; there is no order between the two streams. A record whose key has no centres yet has cluster -1 and distance Infinity.
 * Bounds: the centres of all keys are in each subtask, together at most what broadcast state has room for (MR_STATE_TOO_LARGE).
 * @example clusterWith(payments, streamingKMeans(history, { k: 8, features }).centres, { features })
 */
export function clusterWith<K, T>(
  records: DataStream<T>,
  centres: DataStream<Centres<K>>,
  options: ClusterWithOptions<K, T>,
): DataStream<Clustered<T>> {
  refuseUnknownOptions('clusterWith()', options, ['features', 'key']);
  const features = recordFunction('`features` of clusterWith()', options.features);
  const key = options.key === undefined ? undefined : recordFunction('`key` of clusterWith()', options.key);
  const classed = records
    .connect(centres.broadcast({ centres: mapState<never, Centres<K>>() }))
    .process({
      onRecord(record, { broadcast }): [Clustered<DeepReadonly<T>>] {
        const of = broadcast.centres.get((key === undefined ? null : key(record)) as never);
        const nearest =
          of === undefined
            ? { cluster: -1, distance: Infinity }
            : nearestCentre(of as never, features(record));
        return [{ record, ...nearest }];
      },
      onBroadcast(newest, { broadcast }) {
        broadcast.centres.put(newest.key as never, newest as never);
      },
    })
    .name('cluster with');
  return classed as unknown as DataStream<Clustered<T>>;
}
