// Running keyed aggregates: a result for each record. `reduce` is one of them with the user's function.
import type { ChainOperator } from '../chain-stage.ts';
import type { OperatorSetup } from '../operator-setup.ts';
import type { AggregateLayout } from '../aggregate/aggregate-layout.ts';
import { openDistinctStores } from '../aggregate/distinct-stores.ts';
import { foldText, type FoldedRow } from '../aggregate/fold-code.ts';
import { property } from '../../chain/codegen/code-unit.ts';
import { backendMethods, emitKey } from './keyed-code.ts';

/** Opens a running aggregate. `isKeyed` results start with the key. */
export async function openRunningAggregate(
  setup: OperatorSetup,
  layout: AggregateLayout,
  options: { readonly isKeyed: boolean },
): Promise<ChainOperator> {
  const backend = await setup.openBackend();
  const table = backend.table({
    name: 'accumulators',
    columns: layout.cells.map((cell) => cell.column),
    hasNamespaces: false,
  });
  openDistinctStores(backend, layout, { keepsAll: true });
  const keySite = setup.sites.register(setup.node, 'key function');
  const site = setup.sites.register(setup.node, `${setup.node.operator.kind} function`);
  return {
    node: setup.node,
    stage: {
      kind: setup.node.operator.kind,
      emit: (body) => {
        const { unit } = body;
        const { key, hash, make } = emitKey(body, setup, keySite);
        const result = unit.fresh('result');
        const head = options.isKeyed ? [property('key', key)] : [];
        const emitted = ({ cell }: FoldedRow): string =>
          body.attempt({
            names: [result],
            make: (declare) => `${body.at(site)} ${declare(result)} = ${layout.results(unit, cell, head)};`,
            goOn: () => `${body.freeze(result)}\n${body.next(result, body.timestampMs)}`,
          });
        return body.attempt({
          names: [key, hash],
          make,
          goOn: () => foldText(body, { table, layout, site, key, hash, namespace: '0' }, emitted),
        });
      },
    },
    ...backendMethods(backend, () => layout.freeze()),
  };
}
