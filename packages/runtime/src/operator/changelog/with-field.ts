// Rows with one field more.
import { CodeUnit, property } from '../../chain/codegen/code-unit.ts';
import type { OperatorSetup } from '../operator-setup.ts';

/** Returns the function that gives a row with `field` as well. */
export function compileWithField(
  setup: OperatorSetup,
  field: string,
): (row: unknown, value: unknown) => unknown {
  const unit = new CodeUnit(`${setup.codegenId} node ${setup.node.id} with ${field}`);
  return unit.compile('row, value', `return { ...row, ${property(field, 'value')} };`) as (
    row: unknown,
    value: unknown,
  ) => unknown;
}
