// Session windows of accumulators with the default trigger.
import { invariant } from '@millrace/common';
import type { SessionAssignerSpec, WindowSpec } from '@millrace/api';
import type { KeyedStateBackend } from '@millrace/state';
import type { AggregateLayout } from '../../aggregate/aggregate-layout.ts';
import { foldText } from '../../aggregate/fold-code.ts';
import type { ChainOperator, StageBody } from '../../chain-stage.ts';
import { backendMethods, emitKey } from '../../keyed/keyed-code.ts';
import type { OperatorSetup } from '../../operator-setup.ts';
import { emitLate } from '../late-records.ts';
import { noEventTime } from '../partial-aggregates.ts';
import { gapOf, headOf } from '../window-shape.ts';
import { windowFunction } from '../window-function.ts';
import { KeySessions } from './key-sessions.ts';

/** Opens the operator. */
export async function openSessionOperator(
  setup: OperatorSetup,
  spec: WindowSpec,
  layout: AggregateLayout,
): Promise<ChainOperator> {
  const backend = await setup.openBackend();
  const { assigner } = spec;
  invariant(assigner.kind === 'session', 'sessions are assigned by session()');
  return sessionOperator(setup, { ...spec, assigner }, { backend, layout });
}

type SessionSpec = WindowSpec & { readonly assigner: SessionAssignerSpec };

function sessionOperator(
  setup: OperatorSetup,
  spec: SessionSpec,
  { backend, layout }: { readonly backend: KeyedStateBackend; readonly layout: AggregateLayout },
): ChainOperator {
  const { emission } = setup;
  const domain = spec.assigner.timeDomain;
  const sessions = openSessions(setup, spec, { backend, layout });
  // A session of the clock fires when its last millisecond is over: a record may still come in it.
  const slackMs = domain === 'processing' ? 1 : 0;
  const { timers } = backend;
  /** False when it stopped; the timers that are left are state. */
  const fireTimers = (untilMs: number): boolean => {
    let hasLast = false;
    let lastKey: unknown;
    for (
      let due = timers.pollDue(domain, untilMs);
      due !== undefined;
      due = timers.pollDue(domain, untilMs)
    ) {
      const key = backend.currentKey;
      // One timer of a key does what all that are due would.
      if (key === lastKey && hasLast) continue;
      hasLast = true;
      lastKey = key;
      sessions.onTimer(key, backend.currentKeyHash, untilMs);
      if (emission.mustStop()) return false;
    }
    return true;
  };
  const stage = {
    kind: 'window',
    emitsMany: true as const,
    emit: (body: StageBody) => sessionStage(setup, body, { spec, sessions, layout }),
  };
  const shared = { node: setup.node, stage, ...backendMethods(backend, () => layout.freeze()) };
  if (domain === 'event') {
    return {
      ...shared,
      advanceWatermark: (watermarkMs) => {
        sessions.watermarkMs = watermarkMs;
        return fireTimers(watermarkMs);
      },
    };
  }
  return {
    ...shared,
    advanceProcessingTime: (nowMs) => fireTimers(nowMs - slackMs),
    nextProcessingTimeMs: () => timers.earliest('processing') + slackMs,
    endInput: () => fireTimers(Infinity),
  };
}

function openSessions(
  setup: OperatorSetup,
  spec: SessionSpec,
  { backend, layout }: { readonly backend: KeyedStateBackend; readonly layout: AggregateLayout },
): KeySessions {
  const { output, emission, failures } = setup;
  const site = setup.sites.register(setup.node, 'window function');
  const { apply } = spec.function;
  const call = apply === undefined ? undefined : windowFunction(setup, apply, spec.isKeyed);
  const isEventTime = spec.assigner.timeDomain === 'event';
  return new KeySessions({
    backend,
    layout,
    codegenId: `${setup.codegenId} node ${setup.node.id}`,
    head: headOf(spec),
    domain: spec.assigner.timeDomain,
    latenessMs: isEventTime ? spec.allowedLatenessMs : 0,
    watermarkMs: isEventTime ? setup.environment.restoredWatermarkMs : -Infinity,
    fire:
      call === undefined
        ? (_key, result, _start, end) => {
            emission.count++;
            output.emit(result, end - 1);
          }
        : (key, result, start, end) =>
            call(key, result, { startMs: start, endMs: end, timestampMs: end - 1 }),
    onError: (error, key, windowStart, windowEnd) =>
      failures.take(error, site, { key, windowStart, windowEnd }, windowEnd - 1, -1),
  });
}

function sessionStage(
  setup: OperatorSetup,
  body: StageBody,
  parts: { readonly spec: SessionSpec; readonly sessions: KeySessions; readonly layout: AggregateLayout },
): string {
  const { unit, record } = body;
  const { spec, layout } = parts;
  const { assigner } = spec;
  const sessions = unit.bind(parts.sessions, 'sessions');
  const keySite = setup.sites.register(setup.node, 'key function');
  const { key, hash, make } = emitKey(body, setup, keySite);
  const gap = unit.fresh('gap');
  const at = unit.fresh('at');
  const number = unit.fresh('session');
  const gapText =
    assigner.gap === undefined
      ? String(assigner.gapMs)
      : `${unit.bind(gapOf, 'gapOf')}(${unit.bind(assigner.gap, 'gap')}(${record.argument(assigner.gap)}))`;
  const gapSite = setup.sites.register(setup.node, 'gap of session()');
  const refuse = unit.bind(() => {
    throw noEventTime(setup.node);
  }, 'noEventTime');
  const time =
    assigner.timeDomain === 'processing'
      ? `const ${at} = ${unit.bind(setup.environment.clock, 'clock')}.nowMs();`
      : `const ${at} = ${body.timestampMs}; if (!(${at} > -Infinity && ${at} < Infinity)) ${refuse}();`;
  const site = setup.sites.register(setup.node, 'window');
  const fold = foldText(
    body,
    { table: parts.sessions.accumulators, layout, site, key, hash, namespace: number },
    () => `if (${sessions}.mustFire) ${sessions}.fireLate(${key}, ${hash}, ${number});`,
  );
  return body.attempt({
    names: [key, hash, gap],
    make: (declare) => `${make(declare)}\n${body.at(gapSite)} ${declare(gap)} = ${gapText};`,
    goOn: () =>
      [
        time,
        `const ${number} = ${sessions}.place(${key}, ${hash}, ${at}, ${at} + ${gap});`,
        `if (${number} < 0) {`,
        emitLate(body, setup, spec, '1'),
        '} else {',
        fold,
        '}',
      ].join('\n'),
  });
}
