// Event time: taken from records at a source, or at a `watermarks` operator.
import { MillraceError } from '@millrace/common';
import type { StreamNode } from '@millrace/api';
import type { ErrorSites } from '../chain/user-error.ts';
import { lineOf } from '../chain/text-of.ts';
import type { ChainOperator, StageBody } from './chain-stage.ts';
import type { EventTimeTracker } from './event-time-tracker.ts';
import { checkFirst, operatorOf } from './simple-stages.ts';

interface Setup {
  readonly node: StreamNode;
  readonly sites: ErrorSites;
}

/**
 * The head of a source vertex: gives records their event time. Used in source loops only, whose local `maxMs` it raises where greatest
 * event times are all that counts; else the tracker knows.
 */
export function sourceOperator(setup: Setup, tracker: EventTimeTracker | undefined): ChainOperator {
  return operatorOf(setup.node, {
    kind: 'source',
    emit: (body) => {
      if (tracker === undefined || tracker.watermarks.kind === 'none')
        return body.next(body.record, body.timestampMs);
      return timeText(setup, tracker, body, 'maxMs');
    },
  });
}

/** Gives records a new event time, and keeps how far it has come in `tracker`. */
export function watermarksOperator(setup: Setup, tracker: EventTimeTracker): ChainOperator {
  return operatorOf(setup.node, {
    kind: 'watermarks',
    emit: (body) => {
      if (tracker.watermarks.kind === 'none') return body.next(body.record, 'NaN');
      return timeText(setup, tracker, body, `${body.unit.bind(tracker, 'tracker')}.maxMs`);
    },
  });
}

/** Text that gives the record at hand its event time and sends it on. `greatest`: the variable with the greatest one. */
function timeText(setup: Setup, tracker: EventTimeTracker, body: StageBody, greatest: string): string {
  const { watermarks } = tracker;
  const timestampMs = body.unit.fresh('timestampMs');
  if (watermarks.kind === 'none') return body.next(body.record, 'NaN');
  const isPlain = watermarks.kind === 'bounded' && watermarks.ahead === undefined;
  const kept = isPlain ? '' : body.unit.bind(tracker, 'tracker');
  if (watermarks.kind === 'ingestion')
    return [
      `const ${timestampMs} = ${kept}.stampMs;`,
      `${kept}.maxMs = ${timestampMs};`,
      body.next(body.record, timestampMs),
    ].join('\n');
  const extract = eventTimeText(setup, watermarks.timestamp);
  const { ahead } = watermarks;
  const isAhead = `${timestampMs} > ${kept}.aheadLimitMs`;
  const raise =
    watermarks.kind === 'bounded'
      ? `if (${timestampMs} > ${greatest}) ${greatest} = ${timestampMs};`
      : `if (${timestampMs} === ${timestampMs}) ${kept}.onRecord(${body.record.whole()}, ${timestampMs});`;
  const site = setup.sites.register(setup.node, 'watermark generator');
  return body.attempt({
    names: [timestampMs],
    make: (declare) =>
      [
        extract(body, timestampMs, declare),
        ahead?.action === 'error' ? `if (${isAhead}) ${kept}.refuseAhead(${timestampMs});` : '',
        // A generator is the user's: what it throws is the record's.
        watermarks.kind === 'custom'
          ? `${body.at(site)}\n${ahead?.action === 'hold' ? `if (${isAhead}) ${kept}.countAhead(); else ` : ''}${raise}`
          : '',
      ].join('\n'),
    goOn: () =>
      [
        watermarks.kind === 'custom'
          ? ''
          : `${ahead?.action === 'hold' ? `if (${isAhead}) ${kept}.countAhead(); else ` : ''}${raise}`,
        body.next(body.record, timestampMs),
      ].join('\n'),
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
