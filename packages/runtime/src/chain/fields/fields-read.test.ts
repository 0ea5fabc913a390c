import { expect, test } from 'vitest';
import type { UserFunction } from '@millrace/api';
import { fieldsRead } from './fields-read.ts';

interface R {
  a: number;
  b: string;
  c: { d: number };
  list: number[];
}

/** The function that `text` is the source of, as the bundler leaves it. */
function fn(text: string): UserFunction {
  // oxlint-disable-next-line typescript/no-implied-eval
  return new Function('global', `"use strict"; return (${text});`)({}) as UserFunction;
}

function readsOf(text: string, index = 0): unknown {
  const reads = fieldsRead(fn(text), index);
  return typeof reads === 'string' ? reads : [...reads].sort();
}

test('fields that are named are what is read', () => {
  expect(fieldsRead((r: R) => r.a)).toEqual(new Set(['a']));
  expect(readsOf('(r) => ({ x: r.a, y: r["b"], z: r?.c?.d })')).toEqual(['a', 'b', 'c']);
  expect(readsOf('function (r) { const q = r.a; return () => q + r.b; }')).toEqual(['a', 'b']);
  expect(readsOf('function named(r) { for (const x of r.list) if (x === r[0]) return r.a; }')).toEqual([
    '0',
    'a',
    'list',
  ]);
  expect(readsOf('(x, r) => x.z + r.a', 1)).toEqual(['a']);
  expect(readsOf('r=>(0,r.f)(r.a,...r.list)')).toEqual(['a', 'f', 'list']);
  expect(readsOf('(r, { by = r.a } = {}) => by')).toEqual(['a']);
  expect(readsOf('(r = {}) => r.a')).toEqual(['a']);
});

test('a parameter that is taken apart reads what it names', () => {
  expect(fieldsRead(({ a, c: { d } }: R) => a + d)).toEqual(new Set(['a', 'c']));
  expect(readsOf('({ a = 1, "b": x }) => [a, x]')).toEqual(['a', 'b']);
  expect(readsOf('({ a } = { a: 2 }) => a')).toEqual(['a']);
  expect(readsOf('(r) => { const { a, b = r.c } = r; return a + b; }')).toEqual(['a', 'b', 'c']);
  expect(readsOf('({}) => 1')).toEqual([]);
});

test('a method reads through its parameter, not through this', () => {
  expect(
    readsOf('({ onRecord(record, context) { context.emit(record.a); return this; } }).onRecord'),
  ).toEqual(['a']);
  const spec = { 'odd name': (record: R) => record.b };
  expect(fieldsRead(spec['odd name'])).toEqual(new Set(['b']));
  expect(
    fieldsRead(
      {
        ['x y']: function* (r: R) {
          yield r.a;
        },
      }['x y'],
    ),
  ).toEqual(new Set(['a']));
});

test('asking whether there is a record reads no field', () => {
  expect(readsOf('(r) => r === undefined ? null : r.a')).toEqual(['a']);
  expect(readsOf('(r) => r && r.a')).toEqual(['a']);
  expect(readsOf('(r) => { if (!r || typeof r !== "object") return; return r.b; }')).toEqual(['b']);
  expect(readsOf('(r) => { if (!r) return; if (r) return r.b; }')).toEqual(['b']);
  expect(readsOf('(r) => null != r')).toEqual([]);
  expect(readsOf('() => 1')).toEqual('none');
  expect(readsOf('(other) => other.a', 1)).toEqual('none');
  expect(readsOf('(r) => 1')).toEqual('none');
});

test('a parameter of an inner function hides one of the same name', () => {
  expect(readsOf('(e) => e.list.filter((e) => e.x).map(function (e) { return [e, ...e]; })')).toEqual([
    'list',
  ]);
  expect(readsOf('(e) => e.list.map(({ e }) => e)')).toEqual(['list']);
  expect(readsOf('function (e) { return e.list.map((e) => arguments[0]); }')).toEqual('all');
});

test.each([
  ['spread', '(r) => ({ ...r, a: 1 })'],
  ['returned', '(r) => r'],
  ['returned by a logical operator', '(r) => r || 1'],
  ['stored', '(r) => { global.x = r; }'],
  ['stored as a shorthand', '(r) => ({ r })'],
  ['passed on', '(r) => JSON.stringify(r)'],
  ['aliased', '(r) => { const q = r; return q.a; }'],
  ['read by a computed key', '(r, k) => r[k]'],
  ['taken apart with a rest', '({ a, ...rest }) => rest'],
  ['taken apart by a computed key', '({ [1 + 1]: a }) => a'],
  ['taken apart as an array', '([a]) => a'],
  ['a rest parameter', '(...r) => r[0].a'],
  ['this of its own method', '(r) => r.toFixed()'],
  ['this of its own method, optional', '(r) => r.f?.()'],
  ['this of a tagged template', '(r) => r.f`x`'],
  ['asked for what objects inherit', '(r) => r.hasOwnProperty'],
  ['asked for its prototype', '({ __proto__: p }) => p'],
  ['changed', '(r) => { r.a = 1; }'],
  ['counted up', '(r) => r.a++'],
  ['deleted from', '(r) => delete r.a'],
  ['assigned to by a pattern', '(r) => { [r.a] = [1]; }'],
  ['assigned to by a loop', '(r) => { for (r.a of [1]); }'],
  ['searched by name', '(r) => "a" in r'],
  ['enumerated', '(r) => { for (const k in r) return k; }'],
  ['thrown', '(r) => { throw r; }'],
  ['yielded', 'function* (r) { yield r; }'],
  ['in a template', '(r) => `${r}`'],
  ['reassigned', '(r) => { r = 1; return r; }'],
  ['read through arguments', 'function () { return arguments[0].a; }'],
  ['read through arguments beside the parameter', 'function (r) { return arguments[0].b + r.a; }'],
  ['read by eval', '(r) => eval("r.b")'],
  ['read through a caller', '(r) => global.f.arguments[0]'],
  ['compared with something', '(r, other) => r === other'],
  ['a default that is the record', '(r, q = r) => q.a'],
  ['a class', 'class { constructor(r) { this.a = r.a; } }'],
])('everything counts as read when the record is %s', (_why, text) => {
  expect(fieldsRead(fn(text))).toBe('all');
});

test('everything counts as read where there is no source to read', () => {
  expect(fieldsRead(((r: R) => r.a).bind(undefined))).toBe('all');
  expect(fieldsRead(Math.max)).toBe('all');
  expect(fieldsRead(new Proxy((r: R) => r.a, {}))).toBe('all');
  expect(fieldsRead(fn(`(r) => r.a + ${JSON.stringify('x'.repeat(70_000))}`))).toBe('all');
  const lying = Object.assign((r: R) => ({ ...r }), { toString: () => '(r) => r.a' });
  expect(fieldsRead(lying)).toBe('all');
});
