// Percolation: standing queries in keyed state and in an index that is derived from it, and the documents that come by.
import type { Operator } from '@millrace/api';
import type { KeyedStateBackend } from '@millrace/state';
import type { ChainOperator, StageBody } from '../chain-stage.ts';
import { backendMethods, emitKey } from '../keyed/keyed-code.ts';
import type { OperatorSetup } from '../operator-setup.ts';
import { emitElements } from '../simple-stages.ts';
import { StandingQueries, type Select } from './standing-queries.ts';
import { TimedPercolator, type PercolatorParts } from './timed-percolator.ts';

function both(document: unknown, query: unknown): unknown {
  return { document, query };
}

/** What an operator is opened with. */
type PercolateSpec = Extract<Operator, { readonly kind: 'percolate' }>;

/** Opens a percolator: documents come over the first input, to all subtasks, changes of queries over the second, by id. */
export async function openPercolate(setup: OperatorSetup, spec: PercolateSpec): Promise<ChainOperator> {
  const { node, sites } = setup;
  const backend = await setup.openBackend();
  const table = backend.table({ name: 'queries', columns: ['value'], hasNamespaces: true });
  const queries = new StandingQueries(table, (spec.select as Select | undefined) ?? both);
  const of = {
    queries,
    matchSite: sites.register(node, 'percolate function'),
    querySite: sites.register(node, 'standing query'),
    keySite: sites.register(node, 'key function'),
  };
  return spec.time === 'event'
    ? new TimedPercolator(setup, { ...of, backend, lateOutput: spec.lateOutput })
    : asTheyCome(setup, backend, of);
}

function asTheyCome(
  setup: OperatorSetup,
  backend: KeyedStateBackend,
  { queries, matchSite, querySite, keySite }: PercolatorParts,
): ChainOperator {
  const { node } = setup;
  const emitAll = (returned: unknown, timestampMs: number): void => {
    setup.emission.emitAll(returned as readonly unknown[], {
      timestampMs,
      emit: setup.output.emit,
      onError: (error) => setup.failures.take(error, matchSite, undefined, timestampMs, -1),
    });
  };
  const emitDocument = (body: StageBody): string => {
    const results = body.unit.fresh('results');
    return body.attempt({
      names: [results],
      make: (declare) =>
        `${body.at(matchSite)} ${declare(results)} = ${body.unit.bind(queries, 'queries')}.match(${body.record.whole()});`,
      goOn: () =>
        emitElements(body, setup.emission, { array: results, other: body.unit.bind(emitAll, 'emitAll') }),
    });
  };
  const emitChange = (body: StageBody): string => {
    const { key, hash, make } = emitKey(body, setup, keySite);
    const change = `${body.unit.bind(queries, 'queries')}.change(${body.record.whole()}, ${key}, ${hash});`;
    return body.attempt({
      names: [key, hash],
      make: (declare) => `${make(declare)}\n${body.at(querySite)} ${change}`,
      goOn: () => '',
    });
  };
  return {
    node,
    stage: {
      kind: 'percolate',
      emitsMany: true,
      emit: (body) => (body.inputEdge === node.inputs[1] ? emitChange(body) : emitDocument(body)),
    },
    ...backendMethods(backend),
  };
}
