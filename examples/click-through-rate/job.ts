// The share of ads that were clicked within ten minutes, by campaign and hour.
import { boundedOutOfOrderness, count, defineJob, endOfInput, sum, tumbling } from '@millrace/api';
import { jsonLines } from '@millrace/connector-files';

/** An ad was shown. */
interface Impression {
  readonly id: string;
  readonly campaign: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

/** It was clicked. */
interface Click {
  readonly impression: string;
  readonly at: number;
}

const DATA = 'examples/click-through-rate/data';

export default defineJob('click-through-rate', (env) => {
  const { params } = env;
  const data = params.string('data', DATA);
  const out = params.string('out', 'out');

  const impressions = env
    .source(jsonLines<Impression>({ path: `${data}/impressions.jsonl`, ordered: true }))
    .watermarks(boundedOutOfOrderness('1 minute', ({ at }) => at))
    .uid('impressions');
  const clicks = env
    .source(jsonLines<Click>({ path: `${data}/clicks.jsonl`, ordered: true }))
    .watermarks(boundedOutOfOrderness('1 minute', ({ at }) => at))
    .uid('clicks');

  const shown = impressions
    .keyBy(({ id }) => id)
    .intervalJoin(
      clicks.keyBy(({ impression }) => impression),
      {
        lower: 0,
        upper: '10 minutes',
        type: 'left',
        // The hour that counts is that in which the ad was shown.
        timestamp: 'left',
        select: ({ campaign }, click) => ({ campaign, clicked: click === undefined ? 0 : 1 }),
      },
    )
    .uid('shown');

  const hourly = shown
    .keyBy(({ campaign }) => campaign)
    .window(tumbling('1 hour'))
    .aggregate({ impressions: count(), clicks: sum(({ clicked }) => clicked) })
    .uid('hourly');

  hourly
    .map(({ key, windowStart, impressions: seen, clicks: clicked }) => ({
      campaign: key,
      hour: new Date(windowStart).toISOString(),
      impressions: seen,
      clicks: clicked,
      rate: clicked / seen,
    }))
    .sink(jsonLines({ path: `${out}/rates`, ifExists: 'replace' }))
    .uid('rate-files');

  hourly
    .keyBy(({ key }) => key)
    .window(endOfInput())
    .aggregate({ impressions: sum((hour) => hour.impressions), clicks: sum((hour) => hour.clicks) })
    .uid('total')
    .print({
      as: 'table',
      title: 'Click-through rate by campaign',
      format: ({ key, impressions: seen, clicks: clicked }) => ({
        campaign: key,
        impressions: seen,
        clicks: clicked,
        rate: (clicked / seen).toFixed(3),
      }),
    });
});
