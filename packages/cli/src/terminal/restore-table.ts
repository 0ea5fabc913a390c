// The mapping old → new of a restore, as lines.
import type { RestoredOperator, RestoreReport } from '@millrace/proto';
import { formatBytes, formatTable } from './table.ts';

/** Shows where each operator's state came from or went. */
export function restoreLines(report: RestoreReport): string[] {
  const { path, jobName, checkpointId, isSavepoint, isDrained } = report;
  const rows = report.operators.map((operator) => [
    operator.name === '' ? operator.oldName : operator.name,
    operator.uid,
    stateOf(operator),
    operator.bytes === 0 ? null : formatBytes(operator.bytes),
    changeOf(operator),
  ]);
  return [
    `Starts from ${isSavepoint ? 'savepoint' : 'checkpoint'} ${checkpointId} of job ${jobName}, ${path}; nothing there is changed`,
    ...formatTable(['Operator', 'Uid', 'State', 'Size', 'Parallelism'], rows).map((line) => `  ${line}`),
    ...(isDrained
      ? ['It was drained: its windows and timers have fired before their time, and event time begins anew']
      : []),
  ];
}

function stateOf({ state, from }: RestoredOperator): string | null {
  if (state.length > 0) return state.join(', ');
  return from === 0 ? null : 'none';
}

/** `4 → 2`; an operator that is new, and one whose state is given up. */
function changeOf({ from, to }: RestoredOperator): string {
  if (to === 0) return `${from} → given up`;
  return from === 0 ? `new → ${to}` : `${from} → ${to}`;
}
