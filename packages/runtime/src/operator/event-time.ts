// Event time: taken from records at a source, or at a `watermarks` operator.
import { MillraceError } from '@millrace/common';
import type { StreamNode, WatermarkSpec } from '@millrace/api';
import type { ErrorSites } from '../chain/user-error.ts';
import { lineOf } from '../chain/text-of.ts';
import type { ChainOperator, StageBody } from './chain-stage.ts';
import { checkFirst, operatorOf } from './simple-stages.ts';

interface Setup {
  readonly node: StreamNode;
  readonly sites: ErrorSites;
}

/** Greatest event time that a `watermarks` operator has seen. */
export interface EventTimeTracker {
  readonly boundMs: number;
  maxMs: number;
}

/** The head of a source vertex: gives records their event time. Used in source loops only, whose local `maxMs` it raises. */
export function sourceOperator(setup: Setup, watermarks: WatermarkSpec | undefined): ChainOperator {
  const extract = watermarks?.kind === 'bounded' ? eventTimeText(setup, watermarks.timestamp) : undefined;
  return operatorOf(setup.node, {
    kind: 'source',
    emit: (body) => {
      if (extract === undefined) return body.next(body.record, body.timestampMs);
      const timestampMs = body.unit.fresh('timestampMs');
      return body.attempt({
        names: [timestampMs],
        make: (declare) => extract(body, timestampMs, declare),
        goOn: () =>
          `if (${timestampMs} > maxMs) maxMs = ${timestampMs};\n${body.next(body.record, timestampMs)}`,
      });
    },
  });
}

/** Gives records a new event time, and keeps the greatest in `tracker`. */
export function watermarksOperator(
  setup: Setup,
  watermarks: WatermarkSpec,
  tracker: EventTimeTracker,
): ChainOperator {
  const extract = watermarks.kind === 'bounded' ? eventTimeText(setup, watermarks.timestamp) : undefined;
  return operatorOf(setup.node, {
    kind: 'watermarks',
    emit: (body) => {
      if (extract === undefined) return body.next(body.record, 'NaN');
      const timestampMs = body.unit.fresh('timestampMs');
      const kept = body.unit.bind(tracker, 'tracker');
      return body.attempt({
        names: [timestampMs],
        make: (declare) => extract(body, timestampMs, declare),
        goOn: () =>
          `if (${timestampMs} > ${kept}.maxMs) ${kept}.maxMs = ${timestampMs};\n${body.next(body.record, timestampMs)}`,
      });
    },
  });
}

/** Text that makes the event time of the record at hand: a finite number, or NaN for none; anything else is refused. */
function eventTimeText(
  setup: Setup,
  timestamp: (record: never) => number,
): (body: StageBody, name: string, declare: (name: string) => string) => string {
  const site = setup.sites.register(setup.node, 'timestamp function');
  const refuse = (value: unknown): void => {
    if (Number.isNaN(value)) return;
    setup.sites.refusePromise(value, site);
    throw new MillraceError(
      'MR_USER_FUNCTION',
      `The timestamp function of "${setup.node.name}" (uid "${setup.node.uid}") returned ${lineOf(value, 100)}: return milliseconds since the epoch as a number (of a Date: date.getTime())`,
      { details: { operator: setup.node.name, uid: setup.node.uid } },
    );
  };
  const checkType = (value: unknown): void => {
    if (typeof value !== 'number') refuse(value);
  };
  return (body, name, declare) =>
    [
      body.at(site),
      `${declare(name)} = ${body.unit.bind(timestamp, 'timestampOf')}(${body.record.argument(timestamp)});`,
      checkFirst(body, name, checkType),
      // False for NaN, for the infinities and for most of what is no number; the type is checked once a batch.
      `if (!(${name} < Infinity && ${name} > -Infinity)) ${body.unit.bind(refuse, 'refuseTime')}(${name});`,
    ].join('\n');
}
