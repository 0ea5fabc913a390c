import { expect, test } from 'vitest';
import { mix32 } from '@millrace/common';
import { newModel, withPoint, type KMeansModel, type KMeansSettings } from './k-means-model.ts';

const PLAIN: KMeansSettings = { k: 2, halfLife: Infinity, warmUpPoints: 0, seed: 1 };

function run(points: readonly (readonly number[])[], settings: KMeansSettings): KMeansModel {
  let model = newModel(points[0]?.length ?? 1, []);
  for (const point of points) model = withPoint(model, point, { now: model.count, settings }).model;
  return model;
}

function noise(index: number): number {
  return (mix32(index) >>> 0) / 2 ** 32 - 0.5;
}

test('without decay a centre is the mean of its points', () => {
  const model = run([[0], [10], [2], [1], [12], [1]], PLAIN);
  expect(model.centres).toEqual([1, 11]);
  expect(model.weights).toEqual([4, 2]);
});

test('equal points make one cluster, and the next distinct one the second', () => {
  expect(
    run(
      [
        [5, 5],
        [5, 5],
        [5, 5],
      ],
      PLAIN,
    ),
  ).toMatchObject({ centres: [5, 5], weights: [3] });
  expect(
    run(
      [
        [5, 5],
        [5, 5],
        [6, 5],
      ],
      PLAIN,
    ),
  ).toMatchObject({ centres: [5, 5, 6, 5], weights: [2, 1] });
});

test('a weight halves in a half-life, so that old points count for less', () => {
  const settings = { ...PLAIN, k: 1, halfLife: 1 };
  const first = withPoint(newModel(1, []), [0], { now: 0, settings }).model;
  const second = withPoint(first, [3], { now: 1, settings }).model;
  expect(second.weights).toEqual([1.5]);
  expect(second.centres).toEqual([2]);
  // What comes late decays nothing.
  expect(withPoint(second, [2], { now: 0.5, settings }).model).toMatchObject({
    weights: [2.5],
    decayedTo: 1,
  });
});

test('centres follow clusters that move, with a half-life and only then', () => {
  const points = Array.from({ length: 4_000 }, (_, index) => [
    (index % 2 === 0 ? 0 : 100) + index / 100 + noise(index),
  ]);
  const following = run(points, { ...PLAIN, halfLife: 100 }).centres.toSorted((a, b) => a - b);
  expect(following[0]).toBeCloseTo(40, -0.5);
  expect(following[1]).toBeCloseTo(140, -0.5);
  const resting = run(points, PLAIN).centres.toSorted((a, b) => a - b);
  expect(resting[0]).toBeCloseTo(20, -0.5);
});

test('the warm-up finds clusters that the first points do not tell', () => {
  const points = Array.from({ length: 600 }, (_, index) => {
    const cluster = index < 50 ? 0 : index % 3;
    return [cluster * 10 + noise(index), cluster * -7 + noise(index + 5_000)];
  });
  const model = run(points, { k: 3, halfLife: Infinity, warmUpPoints: 120, seed: 3 });
  const centres = [0, 1, 2]
    .map((cluster) => model.centres.slice(cluster * 2, cluster * 2 + 2))
    .sort((a, b) => (a[0] as number) - (b[0] as number));
  for (const [cluster, centre] of centres.entries()) {
    expect(centre[0]).toBeCloseTo(cluster * 10, 0);
    expect(centre[1]).toBeCloseTo(cluster * -7, 0);
  }
  expect(model.warmUp).toEqual([]);
  expect(model.weights.reduce((sum, weight) => sum + weight, 0)).toBeCloseTo(600);
});

test('a cluster that has died starts anew where points are', () => {
  const settings = { ...PLAIN, halfLife: 1 };
  let model = newModel(1, [0, 1_000]);
  for (let index = 0; index < 60; index++) model = withPoint(model, [0], { now: index, settings }).model;
  const { model: revived, nearest } = withPoint(model, [7], { now: 60, settings });
  expect(nearest).toEqual({ cluster: 1, distance: 0 });
  expect(revived.centres).toEqual([0, 7]);
});
