// Rows with one field more.
import { CodeUnit, property } from '../../chain/codegen/code-unit.ts';
import { ShapeFunctions } from '../../chain/codegen/shape-functions.ts';
import type { OperatorSetup } from '../operator-setup.ts';

/** Returns the function that gives a row with `field` as well. */
export function compileWithField(
  setup: OperatorSetup,
  field: string,
): (row: unknown, value: unknown) => unknown {
  const shapes = new ShapeFunctions<(record: unknown, value: unknown) => unknown>((fields, shape) => {
    const unit = new CodeUnit(`${setup.codegenId} node ${setup.node.id} with ${field}, shape ${shape}`);
    const head = fields === '' ? '' : `${fields}, `;
    return unit.compile('record, value', `return { ${head}${property(field, 'value')} };`) as (
      record: unknown,
      value: unknown,
    ) => unknown;
  });
  return (row, value) => shapes.of(row)(row, value);
}
