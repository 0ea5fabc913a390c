// Delays of three million US flights: per airport and hour, the ten worst airports of each day, and of the half year.
import {
  avg,
  boundedOutOfOrderness,
  count,
  defineJob,
  endOfInput,
  first,
  max,
  sum,
  topN,
  tumbling,
} from '@millrace/api';
import { csv, jsonLines, parquet } from '@millrace/connector-files';
import { isoDay, isoTime } from './iso-time.ts';

/** A row of `flights-3m.parquet`. */
interface Flight {
  /** Scheduled departure, ms since the epoch (a local time, taken as UTC). */
  date: number;
  /** Minutes; negative when early. */
  delay: number;
  /** Miles. */
  distance: number;
  origin: string;
  destination: string;
}

/** A row of `airports.csv`. */
interface Airport {
  iata: string;
  city: string;
  state: string;
}

/** Of one airport on one day, or over all days. */
interface Total {
  key: string;
  city: string | null;
  state: string | null;
  flights: number;
  totalDelay: number;
}

/** Where the npm package `vega-datasets` is when the job is submitted from the repository's root. */
const DATA = 'examples/flight-delays/node_modules/vega-datasets/data';
const LATE_MINUTES = 15;

/** The greatest total delay first, equal ones by origin code. */
const tenWorst = topN<Total>(10, { by: (total) => total.totalDelay, tieBreak: (total) => total.key });

export default defineJob('flight-delays', (env) => {
  const { params } = env;
  const out = params.string('out', 'out');
  const ratePerSecond = params.number('ratePerSecond', 0);
  env.options({ checkpoint: { interval: params.duration('checkpointInterval', '1 second') } });

  const flights = env
    .source(
      parquet<Flight>({ path: params.string('input', `${DATA}/flights-3m.parquet`), ordered: true }),
      ratePerSecond > 0 ? { ratePerSecond } : {},
    )
    .watermarks(boundedOutOfOrderness('5 minutes', (flight) => flight.date))
    .uid('flights');

  const located = flights
    .join(csv<Airport>({ path: params.string('airports', `${DATA}/airports.csv`) }), {
      type: 'left',
      recordKey: (flight) => flight.origin,
      tableKey: (airport) => airport.iata,
      select: (flight, airport) => ({
        origin: flight.origin,
        city: airport === undefined ? null : airport.city,
        state: airport === undefined ? null : airport.state,
        delay: flight.delay,
      }),
    })
    .uid('located');

  const hourly = located
    .keyBy((flight) => flight.origin)
    .window(tumbling('1 hour'))
    .aggregate({
      city: first((flight) => flight.city),
      state: first((flight) => flight.state),
      flights: count(),
      meanDelay: avg((flight) => flight.delay),
      maxDelay: max((flight) => flight.delay),
      totalDelay: sum((flight) => flight.delay),
      late: count((flight) => flight.delay > LATE_MINUTES),
    })
    .uid('hourly');

  hourly
    .map((hour) => ({
      origin: hour.key,
      city: hour.city,
      state: hour.state,
      windowStart: isoTime(hour.windowStart),
      windowEnd: isoTime(hour.windowEnd),
      flights: hour.flights,
      meanDelay: hour.meanDelay,
      maxDelay: hour.maxDelay,
      lateShare: hour.late / hour.flights,
    }))
    .sink(jsonLines({ path: `${out}/hourly`, ifExists: 'replace' }))
    .uid('hourly-files');

  const daily = hourly
    .keyBy((hour) => hour.key)
    .window(tumbling('1 day'))
    .aggregate({
      city: first((hour) => hour.city),
      state: first((hour) => hour.state),
      flights: sum((hour) => hour.flights),
      totalDelay: sum((hour) => hour.totalDelay),
    })
    .uid('daily');

  daily
    .keyBy((day) => day.windowStart)
    .window(tumbling('1 day'))
    .aggregate({ worst: tenWorst })
    .uid('daily-worst')
    .flatMap((day) =>
      day.worst.map((total, index) => ({
        day: isoDay(day.windowStart),
        rank: index + 1,
        origin: total.key,
        city: total.city,
        state: total.state,
        flights: total.flights,
        totalDelay: total.totalDelay,
        meanDelay: total.totalDelay / total.flights,
      })),
    )
    .sink(jsonLines({ path: `${out}/top`, ifExists: 'replace' }))
    .uid('top-files');

  daily
    .keyBy((day) => day.key)
    .window(endOfInput())
    .aggregate({
      city: first((day) => day.city),
      state: first((day) => day.state),
      flights: sum((day) => day.flights),
      totalDelay: sum((day) => day.totalDelay),
    })
    .uid('half-year')
    .keyBy(() => 'all')
    .window(endOfInput())
    .aggregate({ worst: tenWorst })
    .uid('half-year-worst')
    .flatMap(({ worst }) =>
      worst.map((total, index) => ({
        rank: index + 1,
        origin: total.key,
        city: total.city,
        state: total.state,
        flights: total.flights,
        'total delay (min)': total.totalDelay,
        'mean delay (min)': (total.totalDelay / total.flights).toFixed(1),
      })),
    )
    .print({
      as: 'table',
      title: 'The ten airports with the greatest total delay of departures, January to June 2001',
    });
});
