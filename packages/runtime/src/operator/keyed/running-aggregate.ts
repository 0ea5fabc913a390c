// Running keyed aggregates: a result for each record. `reduce` is one of them with the user's function.
import type { ChainOperator } from '../chain-stage.ts';
import type { OperatorSetup } from '../operator-setup.ts';
import type { AggregateLayout } from '../aggregate/aggregate-layout.ts';
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
  const keySite = setup.sites.register(setup.node, 'key function');
  const site = setup.sites.register(setup.node, `${setup.node.operator.kind} function`);
  return {
    node: setup.node,
    stage: {
      kind: setup.node.operator.kind,
      emit: (body) => {
        const { unit, record } = body;
        const { key, hash, text } = emitKey(body, setup, keySite);
        const rows = unit.bind(table, 'table');
        const [row, isNew, columns, result] = ['row', 'isNew', 'columns', 'result'].map((hint) =>
          unit.fresh(hint),
        );
        const cells = layout.cells.map((_, index) => `${columns}${index}`);
        const target = (index: number): string => `${cells[index]}[${row}]`;
        const results = layout.results(unit, target, options.isKeyed ? [property('key', key)] : []);
        return [
          text,
          `const ${row} = ${rows}.upsert(${key}, ${hash}, 0), ${isNew} = ${rows}.wasAbsent, ${columns} = ${rows}.columns;`,
          ...cells.map((cell, index) => `const ${cell} = ${columns}[${index}];`),
          body.at(site),
          ...layout.cells.map((cell, index) => cell.fold(unit, target(index), record, String(isNew))),
          `${rows}.markDirty(${row});`,
          `const ${result} = ${results};`,
          body.freeze(String(result)),
          body.next(String(result), body.timestampMs),
        ].join('\n');
      },
    },
    ...backendMethods(backend, () => layout.freeze()),
  };
}
