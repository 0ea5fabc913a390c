// Racks that grow hot, and machines that fall silent.
import { boundedOutOfOrderness, defineJob } from '@millrace/api';
import { jsonLines } from '@millrace/connector-files';

/** What a machine reports every ten seconds, if it is well. */
interface Reading {
  readonly machine: string;
  readonly celsius: number;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

const HOT_CELSIUS = 90;

export default defineJob('machine-monitoring', (env) => {
  const { params } = env;
  const data = params.string('data', 'examples/machine-monitoring/data');
  const out = params.string('out', 'out');

  const readings = env
    .source(jsonLines<Reading>({ path: `${data}/readings.jsonl`, ordered: true }))
    .watermarks(boundedOutOfOrderness('30 seconds', ({ at }) => at))
    .uid('readings');

  // A warning: two readings in a row that are too hot.
  const warnings = readings
    .keyBy(({ machine }) => machine)
    .pattern((begin) =>
      begin('first', ({ celsius }) => celsius >= HOT_CELSIUS)
        .next('second', ({ celsius }) => celsius >= HOT_CELSIUS)
        .within('30 seconds'),
    )
    .select(({ first, second }) => ({
      machine: first.machine,
      celsius: (first.celsius + second.celsius) / 2,
      at: second.at,
    }))
    .uid('warnings');

  // An alert: a warning, and then another that is hotter.
  const alerts = warnings
    .keyBy(({ machine }) => machine)
    .pattern((begin) =>
      begin('before')
        .next('after', ({ celsius }, ctx) => celsius > (ctx.events('before')[0]?.celsius ?? Infinity))
        .within('20 seconds'),
    )
    .select(({ before, after }) => ({
      machine: after.machine,
      from: before.celsius,
      to: after.celsius,
      at: after.at,
    }))
    .uid('alerts');

  // Silence: a reading, and none for a minute.
  const silences = readings
    .keyBy(({ machine }) => machine)
    .pattern((begin) => begin('last').notFollowedBy('next').within('1 minute'))
    .select(({ last }, { key }) => ({ machine: key, silentSince: last.at }))
    .uid('silences');

  alerts.sink(jsonLines({ path: `${out}/alerts`, ifExists: 'replace' })).uid('alerts-file');
  silences.sink(jsonLines({ path: `${out}/silences`, ifExists: 'replace' })).uid('silences-file');
  alerts.print({ format: ({ machine, from, to }) => `${machine} grows hotter: ${from} to ${to}` });
  silences.print({
    format: ({ machine, silentSince }) => `${machine} is silent since ${new Date(silentSince).toISOString()}`,
  });
});
