// Clusters that move with their points: sequential k-means with weights that decay.
import { mix32 } from '@millrace/common';

/** Rounds of Lloyd's algorithm over the points of the warm-up. */
const LLOYD_ROUNDS = 10;
/** A cluster with a smaller share of the heaviest one's weight is dead. Source: Spark's StreamingKMeansModel. */
const DEAD_SHARE = 1e-8;

/** Clusters of one key: plain data, as it is in a checkpoint. */
export interface KMeansModel {
  readonly dimensions: number;
  /** Centre after centre, `dimensions` numbers each; fewer than k as long as there are fewer distinct points. */
  readonly centres: readonly number[];
  /** Points of each cluster, each worth what is left of it. */
  readonly weights: readonly number[];
  /** Points so far. */
  readonly count: number;
  /** Up to when weights have decayed: event time, or the number of points. */
  readonly decayedTo: number;
  /** Points of the warm-up, one after the other; empty afterwards. */
  readonly warmUp: readonly number[];
}

/** What of a model never changes. */
export interface KMeansSettings {
  readonly k: number;
  /** In which a weight halves: of event time in ms, or points. Infinity: nothing decays. */
  readonly halfLife: number;
  /** Points after which clusters are chosen anew, over all of them. 0: the first distinct points stay. */
  readonly warmUpPoints: number;
  readonly seed: number;
}

/** A point's cluster, and how far its centre was before the point moved it. */
export interface Nearest {
  readonly cluster: number;
  readonly distance: number;
}

/** Returns the model before the first point; with centres, each has the weight of one point. */
export function newModel(dimensions: number, centres: readonly number[]): KMeansModel {
  const weights = new Array<number>(centres.length / dimensions).fill(1);
  return { dimensions, centres, weights, count: 0, decayedTo: -Infinity, warmUp: [] };
}

/** Returns the centre that is nearest to a point, by Euclidean distance; cluster -1 without centres. */
export function nearestOf(centres: readonly number[], point: readonly number[]): Nearest {
  const dimensions = point.length;
  let cluster = -1;
  let least = Infinity;
  for (let at = 0, number = 0; at < centres.length; at += dimensions, number++) {
    let squares = 0;
    for (let index = 0; index < dimensions; index++) {
      const difference = (centres[at + index] as number) - (point[index] as number);
      squares += difference * difference;
    }
    if (squares < least) {
      least = squares;
      cluster = number;
    }
  }
  return { cluster, distance: Math.sqrt(least) };
}

/**
 * Returns the model with one point more, and where the point belongs. `now`: event time, or the number of the point; what is
 * not after the last one decays nothing.
 */
export function withPoint(
  model: KMeansModel,
  point: readonly number[],
  of: { readonly now: number; readonly settings: KMeansSettings },
): { readonly model: KMeansModel; readonly nearest: Nearest } {
  const { settings, now } = of;
  const centres = model.centres.slice();
  const weights = decayed(model, now, settings.halfLife);
  const decayedTo = now > model.decayedTo ? now : model.decayedTo;
  let nearest = nearestOf(centres, point);
  if (weights.length < settings.k && nearest.distance > 0) {
    nearest = { cluster: weights.length, distance: 0 };
    weights.push(0);
    centres.push(...point);
  }
  const moved = moveCentre({ centres, weights }, point, nearest);
  const warmUp = model.count < settings.warmUpPoints ? [...model.warmUp, ...point] : [];
  const next: KMeansModel = {
    dimensions: model.dimensions,
    centres,
    weights,
    count: model.count + 1,
    decayedTo,
    warmUp,
  };
  if (next.count !== settings.warmUpPoints) return { model: next, nearest: moved };
  const chosen = chooseClusters(next, settings);
  return { model: chosen, nearest: nearestOf(chosen.centres, point) };
}

function decayed(model: KMeansModel, now: number, halfLife: number): number[] {
  const passed = now - model.decayedTo;
  if (!(passed > 0 && passed < Infinity) || halfLife === Infinity) return model.weights.slice();
  const left = 2 ** (-passed / halfLife);
  return model.weights.map((weight) => weight * left);
}

/** Moves the nearest centre towards the point; a dead cluster starts anew at a point that is in no centre. */
function moveCentre(
  { centres, weights }: { readonly centres: number[]; readonly weights: number[] },
  point: readonly number[],
  nearest: Nearest,
): Nearest {
  const heaviest = Math.max(...weights);
  const dead = weights.findIndex((weight) => weight < heaviest * DEAD_SHARE);
  const cluster = dead >= 0 && nearest.distance > 0 ? dead : nearest.cluster;
  const weight = cluster === nearest.cluster ? (weights[cluster] as number) + 1 : 1;
  weights[cluster] = weight;
  for (let index = 0; index < point.length; index++) {
    const at = cluster * point.length + index;
    const centre = centres[at] as number;
    centres[at] =
      weight === 1 ? (point[index] as number) : centre + ((point[index] as number) - centre) / weight;
  }
  return cluster === nearest.cluster ? nearest : { cluster, distance: 0 };
}

/** k-means++ over the points of the warm-up, then Lloyd's algorithm. Source: Arthur and Vassilvitskii (2007); Lloyd (1982). */
function chooseClusters(model: KMeansModel, settings: KMeansSettings): KMeansModel {
  const { dimensions, warmUp } = model;
  const points: number[][] = [];
  for (let at = 0; at < warmUp.length; at += dimensions) points.push(warmUp.slice(at, at + dimensions));
  let centres = seedCentres(points, settings);
  let sizes: number[] = [];
  for (let round = 0; round < LLOYD_ROUNDS; round++) {
    sizes = new Array<number>(centres.length / dimensions).fill(0);
    const sums = new Array<number>(centres.length).fill(0);
    for (const point of points) {
      const { cluster } = nearestOf(centres, point);
      sizes[cluster] = (sizes[cluster] as number) + 1;
      for (let index = 0; index < dimensions; index++) {
        const at = cluster * dimensions + index;
        sums[at] = (sums[at] as number) + (point[index] as number);
      }
    }
    centres = sums.map((sum, at) => {
      const size = sizes[Math.floor(at / dimensions)] as number;
      return size === 0 ? (centres[at] as number) : sum / size;
    });
  }
  return { ...model, centres, weights: sizes, warmUp: [] };
}

/** The next centre is a point, with a probability that is proportional to its squared distance from those so far. */
function seedCentres(points: readonly (readonly number[])[], { k, seed }: KMeansSettings): number[] {
  const draw = (number: number): number => (mix32(mix32(seed) + number) >>> 0) / 2 ** 32;
  const centres = [...(points[Math.floor(draw(0) * points.length)] as readonly number[])];
  for (let number = 1; number < k; number++) {
    const squares = points.map((point) => nearestOf(centres, point).distance ** 2);
    let left = squares.reduce((sum, square) => sum + square, 0) * draw(number);
    if (left === 0) break;
    const chosen = squares.findIndex((square) => (left -= square) < 0);
    centres.push(...(points[chosen < 0 ? points.length - 1 : chosen] as readonly number[]));
  }
  return centres;
}
