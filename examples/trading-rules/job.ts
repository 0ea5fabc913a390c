// Trading rules that come as data and change while the job runs: a V in prices, and others.
import { boundedOutOfOrderness, defineJob, type PatternRule } from '@millrace/api';
import { jsonLines } from '@millrace/connector-files';

/** A price. */
interface Tick {
  readonly symbol: string;
  readonly price: number;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

/** A rule, and from when on it counts. */
type TimedRule = PatternRule & { readonly at: number };

export default defineJob('trading-rules', (env) => {
  const { params } = env;
  const data = params.string('data', 'examples/trading-rules/data');
  const out = params.string('out', 'out');

  const ticks = env
    .source(jsonLines<Tick>({ path: `${data}/ticks.jsonl`, ordered: true }))
    .watermarks(boundedOutOfOrderness('5 seconds', ({ at }) => at))
    .uid('ticks');
  // With event time a rule counts from its own time on, so that a run over old data gives what a live one gave.
  const rules = env
    .source(jsonLines<TimedRule>({ path: `${data}/rules.jsonl`, ordered: true }))
    .watermarks(boundedOutOfOrderness(0, ({ at }) => at))
    .map(({ rule, pattern }): PatternRule => ({ rule, pattern }))
    .uid('rules');

  const signals = ticks
    .keyBy(({ symbol }) => symbol)
    .dynamicPatterns(rules)
    .select(({ rule, version, key, match }, { timestamp }) => ({
      rule,
      version,
      symbol: key,
      prices: Object.values(match)
        .flat()
        .flatMap((tick) => (tick === undefined ? [] : [tick.price])),
      at: timestamp,
    }))
    .onError('dead-letter')
    .uid('signals');

  signals.sink(jsonLines({ path: `${out}/signals`, ifExists: 'replace' })).uid('signals-file');
  signals.print({
    format: ({ rule, version, symbol, prices }) => `${rule} v${version} ${symbol}: ${prices.join(' ')}`,
  });
});
