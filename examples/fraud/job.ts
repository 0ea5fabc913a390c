// Cards that are tried out with a small payment and used for a large one within ten minutes.
import { boundedOutOfOrderness, defineJob, outputTag, skipPastLastEvent } from '@millrace/api';
import { jsonLines } from '@millrace/connector-files';

/** A payment. */
interface Payment {
  readonly id: string;
  readonly card: string;
  readonly amount: number;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

/** A card that was tried out, and not used within the ten minutes. */
interface Tried {
  readonly card: string;
  readonly payment: string;
}

const tried = outputTag<Tried>('tried');

export default defineJob('fraud', (env) => {
  const { params } = env;
  const data = params.string('data', 'examples/fraud/data');
  const out = params.string('out', 'out');

  const payments = env
    .source(jsonLines<Payment>({ path: `${data}/payments.jsonl`, ordered: true }))
    .watermarks(boundedOutOfOrderness('1 minute', ({ at }) => at))
    .uid('payments');

  const alerts = payments
    .keyBy(({ card }) => card)
    .pattern((begin) =>
      begin('small', ({ amount }) => amount < 1)
        .followedBy('large', ({ amount }) => amount > 500)
        .within('10 minutes')
        .afterMatch(skipPastLastEvent()),
    )
    .timedOut(tried, ({ small }, { key }) => ({ card: key, payment: small?.id ?? '' }))
    .select(({ small, large }, { key }) => ({
      card: key,
      small: small.id,
      large: large.id,
      amount: large.amount,
      seconds: Math.round((large.at - small.at) / 1000),
    }))
    .uid('alerts');

  alerts.sink(jsonLines({ path: `${out}/alerts`, ifExists: 'replace' })).uid('alerts-file');
  alerts
    .sideOutput(tried)
    .sink(jsonLines({ path: `${out}/tried`, ifExists: 'replace' }))
    .uid('tried-file');
  alerts.print({ format: ({ card, amount, seconds }) => `${card}: ${amount} after ${seconds} s` });
});
