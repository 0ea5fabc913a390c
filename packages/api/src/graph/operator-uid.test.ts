import { describe, expect, test } from 'vitest';
import { defineJob } from '../job/define-job.ts';
import type { StreamEnvironment } from '../job/stream-environment.ts';
import { fromArray } from '../source/from-array.ts';

/** Uids by operator name; the operators of interest have a name. */
function uidsOf(build: (env: StreamEnvironment) => void): ReadonlyMap<string, string> {
  const graph = defineJob('uids', build).plan({ args: [], params: {}, environment: {}, baseDirectory: '/' });
  return new Map(graph.nodes.map((node) => [node.name, node.uid]));
}

const numbers = (env: StreamEnvironment, name = 'numbers') => env.source(fromArray([1], { name }));

describe('a derived uid', () => {
  const plain = uidsOf(
    (env) =>
      void numbers(env)
        .map((n) => n)
        .name('double')
        .keyBy((n) => n)
        .reduce((a) => a)
        .name('total')
        .print(),
  );

  test('is of this form, for good: savepoints refer to it', () => {
    expect(Object.fromEntries(plain)).toEqual({
      numbers: 'source-c4e412568c40f8f2',
      double: 'map-78c6d1f42dae16a1',
      total: 'reduce-1993c82896fe1570',
      print: 'print-aade94fde7596da0',
    });
  });

  test('stays when an operator is added elsewhere, in front or behind', () => {
    const more = uidsOf((env) => {
      numbers(env, 'others')
        .map((n) => n)
        .name('other map')
        .print()
        .name('other print');
      const source = numbers(env);
      source
        .filter(() => true)
        .name('branch')
        .print()
        .name('branch print');
      source
        .map((n) => n)
        .name('double')
        .keyBy((n) => n)
        .reduce((a) => a)
        .name('total')
        .print();
    });
    for (const name of ['numbers', 'double', 'total', 'print']) expect(more.get(name)).toBe(plain.get(name));
  });

  test('does not depend on parallelism or functions', () => {
    const other = uidsOf(
      (env) =>
        void numbers(env)
          .map((n) => n + 1)
          .name('double')
          .parallelism(2)
          .keyBy(() => 1)
          .reduce((_, b) => b)
          .name('total')
          .print(),
    );
    expect(other.get('total')).toBe(plain.get('total'));
  });

  test('changes with what it reads, but begins anew behind an explicit uid', () => {
    const changed = uidsOf(
      (env) =>
        void numbers(env)
          .filter(() => true)
          .map((n) => n)
          .name('double')
          .keyBy((n) => n)
          .reduce((a) => a)
          .name('total')
          .print(),
    );
    expect(changed.get('double')).not.toBe(plain.get('double'));
    const anchored = (withFilter: boolean) =>
      uidsOf((env) => {
        const source = numbers(env);
        (withFilter ? source.filter(() => true) : source)
          .map((n) => n)
          .uid('anchor')
          .keyBy((n) => n)
          .reduce((a) => a)
          .name('total')
          .print();
      });
    expect(anchored(true).get('total')).toBe(anchored(false).get('total'));
  });

  test('tells equal siblings apart by their order', () => {
    const graph = defineJob('siblings', (env) => {
      const source = numbers(env);
      source.map((n) => n).print();
      source.map((n) => n).print();
    }).plan({ args: [], params: {}, environment: {}, baseDirectory: '/' });
    expect(new Set(graph.nodes.map((node) => node.uid)).size).toBe(5);
  });
});
