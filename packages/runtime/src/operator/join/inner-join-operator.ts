// The frame of an inner join of packed rows: text that hands over each row that is kept or meets somebody, as the batch has it.
import type { TableJoinSpec } from '@millrace/api';
import { RowInput } from '../changelog/row-operator.ts';
import type { ChainOperator, StageBody } from '../chain-stage.ts';
import { backendMethods, emitKey } from '../keyed/keyed-code.ts';
import type { OperatorSetup } from '../operator-setup.ts';
import { InnerJoin } from './inner-join.ts';
import { rowBody } from './row-key.ts';

/** Opens the join with its state restored. */
export async function openInnerJoin(setup: OperatorSetup, spec: TableJoinSpec): Promise<ChainOperator> {
  const backend = await setup.openBackend();
  const join = new InnerJoin(setup, backend, spec);
  const input = new RowInput();
  const keySite = setup.sites.register(setup.node, 'key function');
  const joinSite = setup.sites.register(setup.node, 'join');
  const emit = (given: StageBody): string => {
    const isOfRows = rowBody(setup.node, given) !== undefined;
    const body = rowBody(setup.node, given) ?? given;
    const { unit, record, row, timestampMs } = body;
    const { key, hash, make } = emitKey(body, setup, keySite);
    const at = unit.bind(input, 'input');
    const logic = unit.bind(join, 'join');
    const isLeft = given.inputEdge !== setup.node.inputs[1];
    const handOver = (taken: string): string =>
      [
        taken,
        `${at}.timestampMs = ${timestampMs}; ${at}.key = ${key}; ${at}.hash = ${hash}; ${at}.at = ${row};`,
        `${at}.batch = ${isOfRows && row !== '-1' ? record.batch : 'undefined'};`,
        `${logic}.${isLeft ? 'onLeft' : 'onRight'}(${at});`,
      ].join('\n');
    const rest = (): string => {
      if (!isOfRows)
        return handOver(`${at}.kind = ${record.field('kind')}; ${at}.row = ${record.field('row')};`);
      if (spec.where === undefined || !join.isAdmitted(isLeft ? 'left' : 'right'))
        return handOver(`${at}.kind = 'insert'; ${at}.row = ${record.whole()};`);
      const part = record.argument(spec.where, isLeft ? 0 : 1);
      const admitted = record.behindCondition(unit);
      const text = handOver(`${at}.kind = 'insert'; ${at}.row = ${admitted.record.whole()};`);
      return `if (${logic}.${isLeft ? 'admitsLeft' : 'admitsRight'}(${key}, ${part})) {\n${admitted.declaration()}\n${text}\n}`;
    };
    return body.attempt({
      names: [key, hash],
      make,
      goOn: () =>
        [
          body.at(joinSite),
          // What the join emits goes through functions that do not know the row.
          row === '-1' ? '' : `${unit.bind(setup.origin, 'origin')}.row = ${row};`,
          `${unit.bind(backend, 'backend')}.setCurrentKey(${key}, ${hash});`,
          rest(),
        ].join('\n'),
    });
  };
  return {
    node: setup.node,
    stage: { kind: 'join', emitsMany: true, emit },
    ...backendMethods(backend),
  };
}
