// Writes docs/performance.md and its charts from what `npm run bench -- goals --json` printed.
//
//   node scripts/performance-page.mjs [results.jsonl …]   beside what docs/performance/results.jsonl has of earlier runs, which is written anew;
//                                                         of a part that is there twice the later lines count
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bareSection } from './performance-bare.mjs';
import { barChart, lineChart } from './performance-charts.mjs';
import { NEXMARK_GOALS, OTHER_GOALS, TIMES_ROCKSDB, WORKLOAD_GOALS } from './performance-goals.mjs';
import { latencyLines } from './performance-latency.mjs';
import { linesOf, originOf, readRows } from './performance-rows.mjs';
import { digits, reached, tableLines, timesText } from './performance-tables.mjs';

const docs = join(dirname(dirname(fileURLToPath(import.meta.url))), 'docs');
/** A machine with more runnable threads than that when the measurement began was not quiet. */
const BUSY_LOAD = 1.5;
const NAMES = {
  default: 'all in memory, the default',
  bounded: '500,000 a subtask in memory, the rest in LevelDB',
};

function page(rows) {
  const [machine] = rows('machine');
  const charts = [];
  // oxlint-disable-next-line max-params -- a chart's name, kind, contents, words, and what it shows
  const chart = (name, draw, options, alt, shown) => {
    charts.push([name, draw({ ...options, caption: captionOf(shown, machine) })]);
    return `![${alt}](performance/${name}.svg)`;
  };
  const origin = machine === undefined ? undefined : originOf(machine);
  const table = (header, lines) => tableLines(header, lines, origin);
  const sections = [
    ['# Performance', '', intro(machine), ''],
    nexmarkSection(
      {
        rows: rows('nexmark'),
        rocksdb: rows('nexmark-rocksdb'),
        often: rows('nexmark-checkpoints'),
        latency: rows('nexmark-latency'),
      },
      { chart, table },
    ),
    workloadSection(rows('workloads'), table),
    otherSection(rows, table),
    bareSection(rows('bare'), table),
    scaleSection(rows, { chart, table }),
    steadySection(rows('steady'), { chart, origin }),
    [
      '## How it was measured',
      '',
      '`npm run bench -- goals --json > results.jsonl`, then `node scripts/performance-page.mjs results.jsonl`, which writes this page, its charts, and',
      '[what was measured](performance/results.jsonl), on which later measurements of parts build. A row of',
      'another commit or day than the page says so. Both',
      'engines have the same two cores, one process and two slots unless the row says otherwise, exactly-once checkpoints every 10 s unless the table does, events that are the same',
      'byte for byte, and run twice, of which the second counts. Where the ratio has a range behind it there were several such pairs, one after the other, and the row is the one with the median ratio. Both have huge pages for large memory. Flink takes a last checkpoint with all state in workloads other than Nexmark; ours leaves keyed state out of it. CPU time is that of the whole process. Speeds on shared machines are good to ±25 %: what counts are ratios of one run.',
      '[internals/benchmarks.md](internals/benchmarks.md) says more about each benchmark.',
      '',
    ],
  ];
  return { text: sections.flat().join('\n'), charts };
}

/** Of which commits and days the rows are that a chart shows, and the machine. */
function captionOf(rows, machine) {
  const origins = [...new Set(rows.map(originOf))].join('; ');
  return machine === undefined ? origins : `${origins}; ${machine.cpuCount} CPUs (${machine.cpu})`;
}

function intro(machine) {
  if (machine === undefined) return 'Of an unknown machine.';
  const { date, commit, isModified, cpu, cpuCount, memoryBytes, node, load } = machine;
  const isBusy = load > BUSY_LOAD;
  return [
    `Measured on ${cpuCount} CPUs (${cpu}), ${Math.round(memoryBytes / 2 ** 30)} GiB, Node ${node}; each row says of which commit and day it is. The machine was last looked at on ${date.slice(0, 10)}, at commit ${commit}${isModified ? ' with changes' : ''}${isBusy ? `, **busy with other work meanwhile (load ${load.toFixed(0)})**` : ''}. The goals are for`,
    'two cores: at least 1.5 times Flink 2.3 on every query of Nexmark, at least three times its RocksDB backend where there is state, at no',
    'more CPU time.',
  ].join('\n');
}

function nexmarkSection({ rows, rocksdb, often, latency }, { chart, table }) {
  if (rows.length === 0) return ['## Nexmark', '', 'Not measured.', '', ...latencyLines(latency, table)];
  const ordered = Object.keys(NEXMARK_GOALS).flatMap((query) => rows.filter((row) => row.query === query));
  const compared = ordered.filter(({ ratio }) => ratio !== undefined);
  const picture =
    compared.length > 0 &&
    chart(
      'nexmark',
      barChart,
      {
        title: 'Nexmark: events a second, times Flink',
        description: compared.map(({ query, ratio }) => `${query} ${ratio.toFixed(2)}`).join(', '),
        legend: ['Millrace, Flink being 1'],
        unit: 'the mark is the goal',
        rows: compared.map(({ query, ratio }) => {
          const { name, times } = NEXMARK_GOALS[query];
          return { label: `${query} ${name}`, a: ratio, mark: times, text: ratio.toFixed(2) };
        }),
      },
      'Throughput of each Nexmark query against Flink, with the goals',
      compared,
    );
  return [
    '## Nexmark',
    '',
    ...(picture ? [picture, ''] : []),
    ...table(
      [
        'query',
        'events:',
        'M events/s:',
        'goal:',
        'Flink:',
        '× Flink:',
        'goal:',
        'CPU s per M:',
        'Flink:',
        'reached',
      ],
      ordered.map((row) => ({ row, cells: nexmarkCells(row) })),
    ),
    '',
    'Reached is what meets all three: the speed (which is of one machine), the ratio to Flink on its heap backend, and no more CPU time; else it',
    "says which are not met, or which are where the others were not measured. q6 cannot be said in Flink's SQL.",
    '',
    'Ours keeps as much state in memory as has room, here all of it, and would put the rest into LevelDB. Runs that are over within 10 s take no checkpoint but the last one, in which',
    'ours has no keyed state, as nobody would read it; that of Flink is left out as well.',
    '',
    ...checkpointLines(often, table),
    ...rocksdbLines(rocksdb, table),
    ...latencyLines(latency, table),
    ...missing(
      Object.keys(NEXMARK_GOALS),
      rows.map(({ query }) => query),
    ),
  ];
}

function nexmarkCells({ query, events, millrace, flink, ratio, ratios }) {
  const { name, goal, times } = NEXMARK_GOALS[query];
  const speed = millrace.eventsPerSecond / 1e6;
  return [
    `${query} ${name}`,
    `${digits(events / 1e6)} M`,
    digits(speed),
    goal === undefined ? '' : String(goal),
    flink === undefined ? '' : digits(flink.recordsPerSecond / 1e6),
    timesText({ ratio, ratios }),
    times === undefined ? '' : String(times),
    digits(millrace.cpuSecondsPerMillion),
    flink === undefined ? '' : digits(flink.cpuSecondsPerMillion),
    reached({
      speed: goal === undefined ? undefined : speed >= goal,
      '× Flink': ratio === undefined ? undefined : ratio >= times,
      CPU: flink === undefined ? undefined : millrace.cpuSecondsPerMillion <= flink.cpuSecondsPerMillion,
    }),
  ];
}

/** The same queries when checkpoints do fall into their runs. */
function checkpointLines(rows, table) {
  return statefulLines(rows, table, {
    title: 'With a checkpoint every 2 s',
    peer: 'Flink',
    timesOf: (query) => NEXMARK_GOALS[query].times,
    heads: ['M events/s:', 'checkpoints:', 'Flink:', 'checkpoints:'],
    cellsOf: ({ millrace, flink }) => [
      digits(millrace.eventsPerSecond / 1e6),
      String(millrace.checkpoints - 1),
      digits(flink.recordsPerSecond / 1e6),
      String(flink.checkpoints),
    ],
    notes: [
      'Queries with state, beside Flink on its heap backend: both are told to take a checkpoint every 2 s instead of every 10 s, so that some fall into the longer runs; ours is',
      'mostly over before the first. Counted are those during the run, not the last one. The goals are those for 10 s.',
    ],
  });
}

function rocksdbLines(rows, table) {
  return statefulLines(rows, table, {
    title: 'Beside Flink on RocksDB',
    peer: 'RocksDB',
    timesOf: () => TIMES_ROCKSDB,
    heads: ["Flink's:", 'M events/s:', 'RocksDB:'],
    cellsOf: ({ millrace, flink }) => [
      `${digits(flink.events / 1e6)} M`,
      digits(millrace.eventsPerSecond / 1e6),
      digits(flink.recordsPerSecond / 1e6),
    ],
    notes: [
      "Queries with state, measured again beside Flink's durable backend. Where that had fewer events (rows of 2026-11-30, so as not to take minutes) ours had more state.",
    ],
  });
}

/** Queries with state beside the peer, under other conditions than those of all queries. */
function statefulLines(rows, table, { title, peer, timesOf, heads, cellsOf, notes }) {
  const queries = Object.keys(NEXMARK_GOALS).filter((query) => NEXMARK_GOALS[query].hasState);
  const ordered = queries.flatMap((query) => rows.filter((row) => row.query === query && row.flink));
  if (ordered.length === 0) return [`### ${title}`, '', 'Not measured.', ''];
  return [
    `### ${title}`,
    '',
    ...table(
      ['query', 'events:', ...heads, `× ${peer}:`, 'goal:', 'CPU s per M:', `${peer}:`, 'reached'],
      ordered.map((row) => {
        const { query, events, millrace, flink, ratio } = row;
        const times = timesOf(query);
        return {
          row,
          cells: [
            `${query} ${NEXMARK_GOALS[query].name}`,
            `${digits(events / 1e6)} M`,
            ...cellsOf(row),
            timesText(row),
            String(times),
            digits(millrace.cpuSecondsPerMillion),
            digits(flink.cpuSecondsPerMillion),
            reached({
              [`× ${peer}`]: ratio >= times,
              CPU: millrace.cpuSecondsPerMillion <= flink.cpuSecondsPerMillion,
            }),
          ],
        };
      }),
    ),
    '',
    ...notes,
    '',
    ...missing(
      queries,
      ordered.map(({ query }) => query),
    ),
  ];
}

/** A page of a part of all that there is says what it does not show. */
function missing(all, measured) {
  const left = all.filter((name) => !measured.includes(name));
  return left.length === 0 ? [] : [`Not measured: ${left.join(', ')}.`, ''];
}

function workloadSection(rows, table) {
  if (rows.length === 0) return ['## Other workloads', '', 'Not measured.', ''];
  return [
    '## Other workloads',
    '',
    ...table(
      [
        'workload',
        'records:',
        "Flink's:",
        'M records/s:',
        'goal:',
        'Flink:',
        '× Flink:',
        'goal:',
        'CPU s per M:',
        'Flink:',
        'reached',
      ],
      Object.keys(WORKLOAD_GOALS).flatMap((workload) =>
        rows.filter((row) => row.workload === workload).map((row) => ({ row, cells: workloadCells(row) })),
      ),
    ),
    '',
    "Reached is what meets both the speed (which is of one machine) and the ratio: the goal's to what Flink reached on the machine where the goals were set;",
    'else it says which is not met. Where Flink would take minutes it has fewer records: speeds are compared.',
    '',
    ...missing(
      Object.keys(WORKLOAD_GOALS),
      rows.map(({ workload }) => workload),
    ),
  ];
}

function workloadCells({ workload, records, millrace, flink, ratio, ratios }) {
  const { name, goal, flink: reference } = WORKLOAD_GOALS[workload];
  const times = goal / reference;
  const speed = millrace.recordsPerSecond / 1e6;
  return [
    name,
    `${digits(records / 1e6)} M`,
    flink === undefined ? '' : `${digits((flink.records ?? records) / 1e6)} M`,
    digits(speed),
    String(goal),
    flink === undefined ? '' : digits(flink.recordsPerSecond / 1e6),
    timesText({ ratio, ratios }),
    digits(times),
    digits(millrace.cpuSecondsPerMillion),
    flink === undefined ? '' : digits(flink.cpuSecondsPerMillion),
    reached({ speed: speed >= goal, ratio: ratio === undefined ? undefined : ratio >= times }),
  ];
}

function otherSection(rows, table) {
  const lines = OTHER_GOALS.flatMap(({ what, part, of, most, unit }) => {
    // What could not be measured is null.
    const measured = rows(part).filter((row) => typeof of(row) === 'number');
    const [row] = measured.toSorted((a, b) => of(b) - of(a));
    if (row === undefined) return [];
    const value = of(row);
    const goal = most === undefined ? ['', ''] : [`≤ ${most} ${unit}`, value <= most ? 'yes' : 'no'];
    return [{ row, cells: [what, `${digits(value)} ${unit}`, ...goal] }];
  });
  if (lines.length === 0) return ['## Latency, checkpoints, recovery', '', 'Not measured.', ''];
  return [
    '## Latency, checkpoints, recovery',
    '',
    ...table(['what', 'measured:', 'goal:', 'reached'], lines),
    '',
    ...missing(
      [...new Set(OTHER_GOALS.map(({ part }) => part))],
      OTHER_GOALS.map(({ part }) => part).filter((part) => rows(part).length > 0),
    ),
  ];
}

function scaleSection(rows, { chart, table }) {
  const lines = [];
  const spread = [...rows('slots'), ...rows('processes')];
  if (spread.length > 0) {
    const where = ({ taskManagers }) =>
      taskManagers === 0
        ? 'threads of one process'
        : `${taskManagers} TaskManager${taskManagers > 1 ? 's' : ''}`;
    const ordered = spread.toSorted((a, b) => a.workload.localeCompare(b.workload));
    lines.push(
      '### Slots and processes',
      '',
      slotsChart(ordered, { chart, where }),
      '',
      ...table(
        ['workload', 'slots:', 'where', 'M records/s:', 'efficiency:', 'CPU s per M:'],
        ordered.map((row) => ({
          row,
          cells: [
            row.workload,
            String(row.slots),
            where(row),
            digits(row.recordsPerSecond / 1e6),
            percent(row.efficiency),
            digits(row.cpuSecondsPerMillion),
          ],
        })),
      ),
      '',
      'Efficiency is the speed by slot against that of one slot. One slot exchanges nothing: a batch goes from operator to operator as it is.',
      '',
    );
  }
  const keys = rows('keys');
  if (keys.length > 0) lines.push(...keysLines(keys, { chart, table }));
  const subtasks = rows('subtasks');
  if (subtasks.length > 0) lines.push(...subtaskLines(subtasks, { chart, table }));
  return lines.length === 0 ? [] : ['## Scale', '', ...lines];
}

function slotsChart(rows, { chart, where }) {
  const two = rows.filter(({ slots, efficiency }) => slots > 1 && Number.isFinite(efficiency));
  const bars = two.map((row) => ({
    label: `${row.workload}, ${where(row).replace(' of one process', '').replace('2 TaskManagers', '2 processes').replace('TaskManager', 'process')}`,
    a: row.efficiency * row.slots,
    mark: row.slots,
    text: `${digits(row.recordsPerSecond / 1e6)} M/s, ${percent(row.efficiency)}`,
  }));
  return chart(
    'slots',
    barChart,
    {
      title: 'Two slots: speed, times that of one',
      description: bars.map(({ label, a, text }) => `${label}: ${a.toFixed(2)} (${text})`).join('; '),
      legend: ['two slots, one being 1'],
      unit: 'the mark is twice the speed',
      rows: bars,
    },
    'Throughput of two slots against one, as threads, in one process and in two',
    two,
  );
}

function percent(share) {
  return `${Math.round(share * 100)} %`;
}

function memoryChart(keys, chart) {
  const bars = keys
    .filter(({ bytesPerKey }) => typeof bytesPerKey === 'number')
    .map((row) => ({
      label: `${row.keys.toLocaleString('en')} keys, ${row.cache === 'default' ? 'all in memory' : 'bounded'}`,
      a: Math.max(0, row.bytesPerKey),
      text: `${row.bytesPerKey.toFixed(0)} bytes`,
    }));
  if (bars.length === 0) return [];
  const picture = chart(
    'memory',
    barChart,
    {
      title: 'A running count: memory a key',
      description: bars.map(({ label, text }) => `${label}: ${text}`).join('; '),
      legend: ['bytes a key'],
      unit: 'of the processes, heaps included',
      rows: bars,
    },
    'Memory a key as the number of keys grows',
    keys,
  );
  return [picture, ''];
}

function keysLines(keys, { chart, table }) {
  const series = ['default', 'bounded'].map((cache) => ({
    name: NAMES[cache],
    points: keys.filter((row) => row.cache === cache).map((row) => [row.keys, row.cpuMicrosecondsPerRecord]),
  }));
  return [
    '### Keys',
    '',
    chart(
      'keys',
      lineChart,
      {
        title: 'A running count: CPU time of a record by the number of keys',
        description: series
          .map(
            ({ name, points }) =>
              `${name}: ${points.map(([x, y]) => `${x} keys ${digits(y)} µs`).join(', ')}`,
          )
          .join('; '),
        series: series.filter(({ points }) => points.length > 0),
        ticks: [
          [1e4, '10 K'],
          [1e5, '100 K'],
          [1e6, '1 M'],
          [1e7, '10 M'],
        ],
        isLogarithmic: true,
        unit: 'µs a record',
        xName: 'keys, uniform',
      },
      'CPU time of a record as the number of keys grows',
      keys,
    ),
    '',
    ...memoryChart(keys, chart),
    ...table(
      ['state', 'keys:', 'filled:', 'M records/s:', 'CPU µs a record:', 'bytes a key:'],
      keys.map((row) => ({
        row,
        cells: [
          NAMES[row.cache],
          row.keys.toLocaleString('en'),
          `${Math.round((row.keysFilled / row.keys) * 100)} % in ${row.fillSeconds.toFixed(0)} s`,
          digits(row.recordsPerSecond / 1e6),
          digits(row.cpuMicrosecondsPerRecord),
          row.bytesPerKey === null ? '' : row.bytesPerKey.toFixed(0),
        ],
      })),
    ),
    '',
    'Bytes a key are what the processes have more in memory than with 10,000 keys, all of their heaps included.',
    '',
  ];
}

function subtaskLines(rows, { chart, table }) {
  const subtasks = rows.toSorted((a, b) => b.cluster.localeCompare(a.cluster) || a.subtasks - b.subtasks);
  const names = { embedded: 'threads of one process', processes: '2 TaskManagers' };
  const series = Object.entries(names).map(([cluster, name]) => ({
    name,
    points: subtasks.filter((row) => row.cluster === cluster).map((row) => [row.subtasks, row.seconds]),
  }));
  return [
    '### Subtasks',
    '',
    chart(
      'subtasks',
      lineChart,
      {
        title: 'From a submission until all subtasks run',
        description: series
          .map(
            ({ name, points }) =>
              `${name}: ${points.map(([x, y]) => `${x} subtasks ${digits(y)} s`).join(', ')}`,
          )
          .join('; '),
        series: series.filter(({ points }) => points.length > 0),
        ticks: ticksOf(subtasks),
        isLogarithmic: true,
        unit: 'seconds; the mark is the goal for 1,000',
        xName: 'subtasks',
        mark: 5,
      },
      'Deployment time as the number of subtasks grows',
      subtasks,
    ),
    '',
    ...costChart(
      subtasks.filter(({ cpuMicrosecondsPerExchange }) => cpuMicrosecondsPerExchange !== undefined),
      chart,
    ),
    ...table(
      ['where', 'subtasks:', 'channels:', 'seconds:', 'first time:', 'CPU µs a record and exchange:'],
      subtasks.map((row) => ({
        row,
        cells: [
          names[row.cluster],
          row.subtasks.toLocaleString('en'),
          row.channels.toLocaleString('en'),
          digits(row.seconds),
          digits(row.firstSeconds),
          row.cpuMicrosecondsPerExchange === undefined ? '' : digits(row.cpuMicrosecondsPerExchange),
        ],
      })),
    ),
    '',
  ];
}

function ticksOf(subtasks) {
  return [...new Set(subtasks.map((row) => row.subtasks))].map((count) => [
    count,
    count.toLocaleString('en'),
  ]);
}

function costChart(rows, chart) {
  if (rows.length === 0) return [];
  const points = rows.map((row) => [row.subtasks, row.cpuMicrosecondsPerExchange]);
  const picture = chart(
    'exchanges',
    lineChart,
    {
      title: 'CPU time of a record at each exchange, by the number of subtasks',
      description: points.map(([x, y]) => `${x} subtasks ${digits(y)} µs`).join(', '),
      series: [{ name: '2 TaskManagers, ten slots, as fast as it goes', points }],
      ticks: ticksOf(rows),
      isLogarithmic: true,
      unit: 'µs a record and keyed operator',
      xName: 'subtasks',
    },
    'CPU time of a record at each exchange as the number of subtasks grows',
    rows,
  );
  return [picture, ''];
}

function steadySection([row], { chart, origin }) {
  if (row === undefined) return [];
  const { minutes, eventsPerSecond, events, samples } = row;
  const megabytes = (bytes) => bytes / 2 ** 20;
  const line = (name, field) => ({
    name,
    points: samples.map((sample) => [sample.seconds / 60, megabytes(sample[field])]),
  });
  const grown = (last, settled) => `${Math.round(megabytes(settled))} to ${Math.round(megabytes(last))} MiB`;
  const ticks = Array.from({ length: 7 }, (_, index) => [
    (minutes * index) / 6,
    String(Math.round((minutes * index) / 6)),
  ]);
  return [
    `## ${minutes === 60 ? 'An hour' : `${minutes} minutes`} of q5`,
    '',
    chart(
      'steady',
      lineChart,
      {
        title: `${minutes} minutes of q5: memory of all processes`,
        description: `Resident ${grown(row.lastRssBytes, row.settledRssBytes)}, heap ${grown(row.lastHeapBytes, row.settledHeapBytes)}`,
        series: [line('resident', 'rssBytes'), line('JavaScript heaps of the slots', 'heapBytes')],
        ticks: ticks.filter(([at]) => at >= (samples[0]?.seconds ?? 0) / 60 - 1),
        isLogarithmic: false,
        unit: 'MiB',
        xName: 'minutes',
      },
      'Resident memory and heap over the run',
      [row],
    ),
    '',
    `${eventsPerSecond.toLocaleString('en')} events a second, of which ${(events / 1e6).toFixed(0)} M bids were read. From a sixth of the time to its end: resident ${grown(row.lastRssBytes, row.settledRssBytes)}, heap ${grown(row.lastHeapBytes, row.settledHeapBytes)} (means over a twelfth of the run).${originOf(row) === origin ? '' : ` Commit ${originOf(row)}.`}`,
    '',
  ];
}

const kept = join(docs, 'performance', 'results.jsonl');
const files = [...(existsSync(kept) ? [kept] : []), ...process.argv.slice(2)];
const parts = readRows(files);
if ([...parts.keys()].every((part) => part === 'machine')) {
  process.stderr.write(
    'There are no results: name the files that `npm run bench -- goals --json` wrote. The page stays as it is.\n',
  );
  process.exit(2);
}
const { text, charts } = page((part) => [...(parts.get(part)?.values() ?? [])]);
mkdirSync(join(docs, 'performance'), { recursive: true });
writeFileSync(join(docs, 'performance.md'), text);
writeFileSync(kept, linesOf(parts));
for (const [name, svg] of charts) writeFileSync(join(docs, 'performance', `${name}.svg`), svg);
process.stderr.write(`docs/performance.md and ${charts.length} charts\n`);
