import { describe, expect, test } from 'vitest';
import { jobParameters } from './job-parameters.ts';

describe('jobParameters', () => {
  const params = jobParameters({
    input: 'a.csv',
    limit: '10',
    verbose: '',
    dry: 'false',
    wait: '5 minutes',
    pause: '250',
  });

  test('reads each type', () => {
    expect(params.string('input')).toBe('a.csv');
    expect(params.number('limit')).toBe(10);
    expect([params.boolean('verbose'), params.boolean('dry')]).toEqual([true, false]);
    expect([params.duration('wait'), params.duration('pause')]).toEqual([300_000, 250]);
    expect(params.names).toEqual(['input', 'limit', 'verbose', 'dry', 'wait', 'pause']);
  });

  test('gives the default when a parameter is absent', () => {
    expect(params.has('other')).toBe(false);
    expect(params.string('other', 'x')).toBe('x');
    expect(params.number('other', 0)).toBe(0);
    expect(params.boolean('other', false)).toBe(false);
    expect(params.duration('other', '1 s')).toBe(1_000);
  });

  test('says how to pass what is missing, and what cannot be read', () => {
    expect(() => params.string('output')).toThrowError(/-- --output <text>/);
    expect(() => params.number('input')).toThrowError(/"input" as a number: got "a.csv"/);
    expect(() => params.boolean('limit')).toThrowError(/as a boolean/);
    expect(() => params.duration('input')).toThrowError(/5 minutes/);
  });

  test('a name that objects have anyway is absent', () => {
    expect(params.has('toString')).toBe(false);
  });
});
