// The `join` operator: two inputs that are partitioned by one key, their keyed state, and its timers.
import { unreachable } from '@millrace/common';
import type { JoinSpec } from '@millrace/api';
import type { KeyedStateBackend, TimerDomain } from '@millrace/state';
import type { ChainOperator, StageBody } from '../chain-stage.ts';
import { backendMethods, emitKey } from '../keyed/keyed-code.ts';
import type { OperatorSetup } from '../operator-setup.ts';
import { IntervalJoin } from './interval-join.ts';
import { openInnerJoin } from './inner-join-operator.ts';
import type { JoinLogic } from './join-logic.ts';
import { LatestJoin } from './latest-join.ts';
import { isPacked } from './row-identity.ts';
import { rowBody } from './row-key.ts';
import { TableJoin } from './table-join.ts';
import { TemporalJoin } from './temporal-join.ts';

/** Opens a join with its state restored. */
export async function openJoin(setup: OperatorSetup, spec: JoinSpec): Promise<ChainOperator> {
  if (spec.kind === 'table' && isPacked(spec)) return await openInnerJoin(setup, spec);
  const backend = await setup.openBackend();
  const logic = logicOf(setup, backend, spec);
  return joinOperator(setup, backend, logic);
}

function logicOf(setup: OperatorSetup, backend: KeyedStateBackend, spec: JoinSpec): JoinLogic {
  switch (spec.kind) {
    case 'interval':
      return new IntervalJoin(setup, backend, spec);
    case 'temporal':
      return new TemporalJoin(setup, backend, spec);
    case 'latest':
      return new LatestJoin(setup, backend, spec);
    case 'table':
      return new TableJoin(setup, backend, spec);
    default:
      return unreachable(spec);
  }
}

function joinOperator(setup: OperatorSetup, backend: KeyedStateBackend, logic: JoinLogic): ChainOperator {
  const { node, emission } = setup;
  const keySite = setup.sites.register(node, 'key function');
  const joinSite = setup.sites.register(node, 'join');
  /** False when it stopped; the timers that are left are state. */
  const fire = (domain: TimerDomain, timeMs: number): boolean => {
    const { timers } = backend;
    for (let due = timers.pollDue(domain, timeMs); due !== undefined; due = timers.pollDue(domain, timeMs)) {
      logic.onTimer?.(backend.currentKey, domain, due);
      if (emission.mustStop()) return false;
    }
    return true;
  };
  return {
    node,
    stage: {
      kind: 'join',
      emitsMany: true,
      emit: (body) => emitArrival(setup, body, { backend, logic, keySite, joinSite }),
    },
    ...backendMethods(backend),
    watermarkDelayMs: logic.watermarkDelayMs,
    advanceWatermark: (watermarkMs) => {
      logic.beginWatermark?.(watermarkMs);
      if (logic.release?.() === false) return false;
      if (!fire('event', watermarkMs)) return false;
      logic.dropExpired?.(setup.environment.clock.nowMs());
      return true;
    },
    advanceProcessingTime: (nowMs) => {
      if (!fire('processing', nowMs)) return false;
      logic.dropExpired?.(nowMs);
      return true;
    },
    nextProcessingTimeMs: () =>
      Math.min(backend.timers.earliest('processing'), logic.nextExpiryMs?.() ?? Infinity),
    endInput: () => !logic.firesClockAtEnd || fire('processing', Number.MAX_VALUE),
  };
}

function emitArrival(
  setup: OperatorSetup,
  given: StageBody,
  of: {
    readonly backend: KeyedStateBackend;
    readonly logic: JoinLogic;
    readonly keySite: number;
    readonly joinSite: number;
  },
): string {
  const rows = rowBody(setup.node, given);
  const body = rows ?? given;
  const { unit, record, row, timestampMs } = body;
  const { key, hash, make } = emitKey(body, setup, of.keySite);
  const method = given.inputEdge === setup.node.inputs[1] ? 'onRight' : 'onLeft';
  const logic = unit.bind(of.logic, 'join');
  const whole = rows === undefined ? record.whole() : `{ kind: 'insert', row: ${record.whole()} }`;
  const backend = unit.bind(of.backend, 'backend');
  return body.attempt({
    names: [key, hash],
    make,
    goOn: () =>
      [
        body.at(of.joinSite),
        // What the join emits goes through functions that do not know the row.
        row === '-1' ? '' : `${unit.bind(setup.origin, 'origin')}.row = ${row};`,
        `${backend}.setCurrentKey(${key}, ${hash});`,
        `${logic}.${method}(${key}, ${hash}, ${whole}, ${timestampMs}, ${row});`,
      ].join('\n'),
  });
}
