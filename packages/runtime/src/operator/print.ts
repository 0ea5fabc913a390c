// `print()`: lines for the terminal of whoever submitted the job.
import { changeSymbol, type Change, type Operator } from '@millrace/api';
import { OUTPUT_LINES_OF_ATTEMPT } from '@millrace/proto';
import { jsonOf, lineOf } from '../chain/text-of.ts';
import type { ChainOperator } from './chain-stage.ts';
import type { OperatorSetup } from './operator-setup.ts';

type PrintSpec = Extract<Operator, { readonly kind: 'print' }>;

/**
 * Lines are numbered from 0 and the number is in snapshots, so that a line shown before a recovery is known again. With
 * another parallelism a subtask's lines are others: they get numbers that no attempt before can have given, and are all shown.
 */
export function printOperator(setup: OperatorSetup, spec: PrintSpec): ChainOperator {
  const { environment, node } = setup;
  const site = setup.sites.register(node, 'print format');
  let sequence = firstSequence(setup);
  const { title, form, format } = spec;
  const formatted = format as ((record: unknown) => unknown) | undefined;
  const printChange = (change: Change<unknown>): void => {
    const { row } = change;
    const shown = formatted === undefined ? row : formatted(row);
    const symbol = changeSymbol(change.kind);
    if (form === 'text') print(`${symbol} ${lineOf(shown)}`);
    else
      print(
        typeof shown === 'object' && shown !== null ? { op: symbol, ...shown } : { op: symbol, row: shown },
      );
  };
  const print = (shown: unknown): void => {
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
      emit: (body) => {
        if (spec.isOfChanges === true)
          return body.attempt({
            names: [],
            make: () =>
              `${body.at(site)} out++; ${body.unit.bind(printChange, 'printChange')}(${body.record.whole()});`,
            goOn: () => '',
          });
        const shown = body.unit.fresh('shown');
        const text =
          formatted === undefined
            ? body.record.whole()
            : `${body.unit.bind(formatted, 'format')}(${body.record.argument(formatted)})`;
        return body.attempt({
          names: [shown],
          make: (declare) => `${body.at(site)} ${declare(shown)} = ${text};`,
          goOn: () => `out++; ${body.unit.bind(print, 'print')}(${shown});`,
        });
      },
    },
    freeze: () => {
      const { subtaskIndex, vertex } = environment;
      const inline = { subtaskIndex, parallelism: vertex.parallelism, sequence };
      return { write: async () => ({ keyedFiles: [], newBytes: 0, inline }) };
    },
  };
}

function firstSequence({ environment, everyInline }: OperatorSetup): number {
  const { deployment, subtaskIndex, vertex } = environment;
  const anew = deployment.attemptNumber * OUTPUT_LINES_OF_ATTEMPT;
  if (everyInline.length === 0) return deployment.printsAnew === true ? anew : 0;
  const isSame = everyInline.every((state) => state['parallelism'] === vertex.parallelism);
  if (!isSame) return anew;
  const own = everyInline.find((state) => state['subtaskIndex'] === subtaskIndex);
  return Number(own?.['sequence'] ?? 0);
}
