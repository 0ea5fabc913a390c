// `print()`: lines for the terminal of whoever submitted the job.
import type { Operator } from '@millrace/api';
import { jsonOf, lineOf } from '../chain/text-of.ts';
import type { ChainOperator } from './chain-stage.ts';
import type { OperatorSetup } from './operator-setup.ts';

type PrintSpec = Extract<Operator, { readonly kind: 'print' }>;

/** Lines are numbered from 0 and the number is in snapshots, so that a line shown before a recovery is known again. */
export function printOperator(setup: OperatorSetup, spec: PrintSpec): ChainOperator {
  const { environment, node } = setup;
  const site = setup.sites.register(node, 'print format');
  let sequence = setup.restoredInline.reduce(
    (most, state) => Math.max(most, Number(state['sequence'] ?? 0)),
    0,
  );
  const { title, form, format } = spec;
  const formatted = format as ((record: unknown) => unknown) | undefined;
  const print = (record: unknown): void => {
    const shown = formatted === undefined ? record : formatted(record);
    if (formatted !== undefined) setup.sites.refusePromise(shown, site);
    environment.print({
      nodeId: node.id,
      form: form === 'text' ? 'text' : 'row',
      text: form === 'text' ? lineOf(shown) : jsonOf(shown),
      sequence: sequence++,
      ...(title === undefined ? {} : { title }),
    });
  };
  return {
    node,
    stage: {
      kind: 'print',
      emit: (body) => `${body.at(site)} out++; ${body.unit.bind(print, 'print')}(${body.record});`,
    },
    freeze: () => {
      const inline = { subtaskIndex: environment.subtaskIndex, sequence };
      return { write: async () => ({ keyedFiles: [], newBytes: 0, inline }) };
    },
  };
}
