// Whether two runs of a program gave the same graph.
import { MillraceError } from '@millrace/common';
import type { JobOptionsJson, StreamGraphJson, StreamNodeJson } from '@millrace/proto';

/** Job options that change how state is laid out or operators are chained; the others may differ. */
const COMPARED_OPTIONS = [
  'keyGroupCount',
  'isChainingEnabled',
] as const satisfies readonly (keyof JobOptionsJson)[];
const COMPARED_FIELDS = [
  'kind',
  'name',
  'uid',
  'isUidExplicit',
  'inputs',
  'state',
  'options',
] as const satisfies readonly (keyof StreamNodeJson)[];

/**
 * Checks that `actual` is the graph that was submitted as `expected`. Parallelism, addresses and checkpoint options
 * are not compared.
 * @throws {MillraceError} MR_GRAPH_MISMATCH naming the first node and field that differ
 */
export function compareStreamGraphs(expected: StreamGraphJson, actual: StreamGraphJson): void {
  check(expected.name, actual.name, 'job', 'name');
  for (const option of COMPARED_OPTIONS)
    check(expected.options[option], actual.options[option], 'job', `options.${option}`);
  const nodeCount = Math.min(expected.nodes.length, actual.nodes.length);
  for (let id = 0; id < nodeCount; id++) {
    const [wanted, found] = [expected.nodes[id], actual.nodes[id]];
    if (wanted === undefined || found === undefined) continue;
    for (const field of COMPARED_FIELDS)
      check(wanted[field], found[field], `operator ${id} "${wanted.name}"`, field);
  }
  check(expected.nodes.length, actual.nodes.length, 'job', 'number of operators');
}

function check(expected: unknown, actual: unknown, where: string, field: string): void {
  const difference = firstDifference(expected, actual, field);
  if (difference === undefined) return;
  throw new MillraceError(
    'MR_GRAPH_MISMATCH',
    `The program gave another graph than at its submission: ${where} differs in ${difference.path}: ` +
      `submitted ${text(difference.expected)}, now ${text(difference.actual)}; a program must build the same graph each time ` +
      '(nothing random, no clock, no files, no environment that was not declared)',
    { details: { where, field: difference.path } },
  );
}

interface Difference {
  readonly path: string;
  readonly expected: unknown;
  readonly actual: unknown;
}

function firstDifference(expected: unknown, actual: unknown, path: string): Difference | undefined {
  if (Object.is(expected, actual)) return undefined;
  if (!isObject(expected) || !isObject(actual) || Array.isArray(expected) !== Array.isArray(actual))
    return { path, expected, actual };
  for (const name of new Set([...Object.keys(expected), ...Object.keys(actual)])) {
    const difference = firstDifference(expected[name], actual[name], `${path}.${name}`);
    if (difference !== undefined) return difference;
  }
  return undefined;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function text(value: unknown): string {
  return value === undefined ? 'nothing' : JSON.stringify(value);
}
