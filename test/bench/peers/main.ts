// `bench peers`: the same workloads here and on Flink, one after the other on the same machine, warm against warm.
//
//   bench peers [--workloads a,nexmark] [--queries q0,q5] [--records N] [--repeat R] [--pairs P] [--flink-backend rocksdb] [--json] [--only-millrace]
//
// `nexmark` is one of the workloads: its queries, all or those of --queries, which by itself means only them.
import { parseArgs } from 'node:util';
import { MillraceError } from '@millrace/common';
import { queriesOf } from '../nexmark/queries.ts';
import { refuseIgnored } from '../ignored-options.ts';
import { wholeOption } from '../number-option.ts';
import { flinkCommand, runFlink, unlessFlinkFails, type FlinkBackend } from './flink.ts';
import { runMillrace } from './millrace.ts';
import { compareQuery } from './nexmark.ts';
import { medianPair, type Ratios } from './pairs.ts';
import { WORKLOADS, workloadOf, type Workload } from './workloads.ts';

/** What one engine needed for one workload. */
export interface Measured {
  readonly seconds: number;
  readonly recordsPerSecond: number;
  readonly cpuSecondsPerMillion: number;
  /** The largest resident set of the process so far, where it is known. */
  readonly peakRssBytes?: number;
  /** Completed while it ran, where they are counted. */
  readonly checkpoints?: number;
}

/** One line of the comparison. `ratio` is ours to theirs in records a second. */
export interface Comparison extends Ratios {
  readonly workload: string;
  readonly records: number;
  readonly millrace: Measured;
  /** `records`: how many it had, which are fewer where it would take minutes. */
  readonly flink?: Measured & { readonly records: number };
  readonly ratio?: number;
}

const NEXMARK = 'nexmark';

interface Options {
  readonly workloads: readonly Workload[];
  readonly queries: readonly string[];
  readonly records: number | undefined;
  readonly repeat: number;
  /** Comparisons of each, of which the one with the median ratio is shown. */
  readonly pairs: number;
  /** Of Nexmark; the other workloads say which in their names. */
  readonly backend: FlinkBackend;
  readonly isJson: boolean;
  readonly isFlinkWanted: boolean;
}

/** Runs the comparison and resolves to the exit code. @throws {MillraceError} MR_USAGE */
export async function main(argv: readonly string[]): Promise<number> {
  const options = parse(argv);
  const flink = options.isFlinkWanted ? flinkCommand() : undefined;
  if (options.isFlinkWanted && flink === undefined) {
    process.stderr.write(
      'Flink is not measured: its runner, Java 17 or Maven is missing (MILLRACE_PEERS names the runner).\n',
    );
  }
  if (!options.isJson) process.stdout.write(`${line(HEADER)}\n`);
  for (const workload of options.workloads) {
    const comparison = await compareWorkload(workload, { ...options, flink });
    process.stdout.write(`${options.isJson ? JSON.stringify(comparison) : row(comparison)}\n`);
  }
  for (const query of options.queries) {
    const { records: events, repeat, pairs, backend } = options;
    const comparison = await compareQuery(query, { events, repeat, pairs, runner: flink, backend });
    const { events: records, millrace, flink: theirs, ratio } = comparison;
    const text = row({
      workload: `nexmark ${query}`,
      records,
      millrace: { ...millrace, recordsPerSecond: millrace.eventsPerSecond },
      ...(theirs === undefined ? {} : { flink: { ...theirs, records: theirs.events } }),
      ...(ratio === undefined ? {} : { ratio }),
    });
    process.stdout.write(`${options.isJson ? JSON.stringify(comparison) : text}\n`);
  }
  return 0;
}

interface ComparisonOptions {
  readonly records: number | undefined;
  readonly repeat: number;
  readonly flink: string | undefined;
}

/** The last of `repeat` runs of each engine; of several `pairs` of these the one with the median ratio. `flink` undefined: it is not measured. */
export function compareWorkload(
  workload: Workload,
  of: ComparisonOptions & { readonly pairs?: number },
): Promise<Comparison> {
  return medianPair(of.flink === undefined ? 1 : (of.pairs ?? 1), () => compareOnce(workload, of));
}

async function compareOnce(workload: Workload, of: ComparisonOptions): Promise<Comparison> {
  const { repeat, flink } = of;
  const records = of.records ?? workload.records;
  const millrace = await runMillrace(workload, { records, repeat });
  const common = {
    workload: workload.name,
    records: workload.isSized ? records : workload.records,
    millrace,
  };
  if (flink === undefined) return common;
  const flinkRecords = of.records ?? workload.flinkRecords ?? workload.records;
  const other = await unlessFlinkFails(runFlink(flink, workload, { records: flinkRecords, repeat }));
  if (other === undefined) return common;
  const ratio = millrace.recordsPerSecond / other.recordsPerSecond;
  return { ...common, flink: { ...other, records: flinkRecords }, ratio };
}

/** @throws {MillraceError} MR_USAGE */
function parse(argv: readonly string[]): Options {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean', default: false } as const;
  const { values } = parseArgs({
    args: [...argv],
    options: {
      workloads: text,
      queries: text,
      records: text,
      repeat: { type: 'string', default: '2' },
      pairs: text,
      'flink-backend': text,
      json: flag,
      'only-millrace': flag,
    },
  });
  const backend = values['flink-backend'] ?? 'hashmap';
  if (backend !== 'hashmap' && backend !== 'rocksdb')
    throw new MillraceError(
      'MR_USAGE',
      `Cannot use "${backend}" as --flink-backend: write hashmap or rocksdb`,
    );
  const byDefault = Object.keys(WORKLOADS).filter((name) => WORKLOADS[name]?.isDefault === true);
  const names =
    values.workloads?.split(',').map((name) => name.trim()) ??
    (values.queries === undefined ? [...byDefault, NEXMARK] : [NEXMARK]);
  if (values['only-millrace']) refuseIgnored(values, ['flink-backend', 'pairs'], 'with --only-millrace');
  if (!names.includes(NEXMARK))
    refuseIgnored(values, ['queries', 'flink-backend'], `without the workload ${NEXMARK}`);
  return {
    workloads: names.filter((name) => name !== NEXMARK).map(workloadOf),
    queries: names.includes(NEXMARK) ? queriesOf(values.queries) : [],
    records: values.records === undefined ? undefined : wholeOption('records', values.records),
    repeat: wholeOption('repeat', values.repeat),
    pairs: wholeOption('pairs', values.pairs ?? '1'),
    backend,
    isJson: values.json,
    isFlinkWanted: !values['only-millrace'],
  };
}

const WIDTHS = [24, 13, 13, 12, 12, 12, 12, 7] as const;
const HEADER = [
  'workload',
  'records',
  'Flink records',
  'ours M/s',
  'Flink M/s',
  'ours cpu/M',
  'Flink cpu/M',
  'ratio',
];

function row({ workload, records, millrace, flink, ratio }: Comparison): string {
  return line([
    workload,
    records.toLocaleString('en-US'),
    flink === undefined ? '-' : flink.records.toLocaleString('en-US'),
    (millrace.recordsPerSecond / 1e6).toFixed(2),
    flink === undefined ? '-' : (flink.recordsPerSecond / 1e6).toFixed(2),
    millrace.cpuSecondsPerMillion.toFixed(3),
    flink === undefined ? '-' : flink.cpuSecondsPerMillion.toFixed(3),
    ratio === undefined ? '-' : `${ratio.toFixed(2)}${ratio < 1 ? ' behind' : ''}`,
  ]);
}

function line(cells: readonly string[]): string {
  return cells
    .map((cell, index) => (index === 0 ? cell.padEnd(WIDTHS[index] ?? 0) : cell.padStart(WIDTHS[index] ?? 0)))
    .join(' ');
}
