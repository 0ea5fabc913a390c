// Writes docs/performance.md and its charts from what `npm run bench -- goals --json` printed.
//
//   node scripts/performance-page.mjs results.jsonl [more.jsonl …]   of a part that is there twice the later lines count
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { barChart, lineChart } from './performance-charts.mjs';
import { NEXMARK_GOALS, OTHER_GOALS, WORKLOAD_GOALS } from './performance-goals.mjs';

const docs = join(dirname(dirname(fileURLToPath(import.meta.url))), 'docs');
/** A machine with more runnable threads than that when the measurement began was not quiet. */
const BUSY_LOAD = 1.5;
const NAMES = { heap: 'all in memory', default: 'default cache, the rest in LevelDB' };

/** What makes a line of a part stand for one thing: a later one of the same replaces it. */
const IDENTITY = {
  nexmark: ({ query }) => query,
  workloads: ({ workload }) => workload,
  slots: ({ workload, slots, taskManagers }) => `${workload} ${slots} ${taskManagers}`,
  processes: ({ workload, slots, taskManagers }) => `${workload} ${slots} ${taskManagers}`,
  keys: ({ cache, keys }) => `${cache} ${keys}`,
  subtasks: ({ cluster, subtasks }) => `${cluster} ${subtasks}`,
  recovery: ({ round }) => String(round ?? 'all'),
  rescale: ({ to }) => String(to),
};

/** Rows by part, each once. */
function read(files) {
  const parts = new Map();
  for (const file of files)
    for (const line of readFileSync(file, 'utf8').split('\n')) {
      const row = parsed(line);
      if (row === undefined || row.error !== undefined) continue;
      const rows = parts.get(row.part) ?? new Map();
      parts.set(row.part, rows);
      rows.set(IDENTITY[row.part]?.(row) ?? '', row);
    }
  return parts;
}

/** undefined: no result, or the half of one, where a measurement was broken off. */
function parsed(line) {
  if (!line.startsWith('{')) return undefined;
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

function page(rows) {
  const charts = [];
  const chart = (name, text, alt) => {
    charts.push([name, text]);
    return `![${alt}](performance/${name}.svg)`;
  };
  const sections = [
    ['# Performance', '', intro(rows('machine')), ''],
    nexmarkSection(rows('nexmark'), chart),
    workloadSection(rows('workloads')),
    otherSection(rows),
    scaleSection(rows, chart),
    steadySection(rows('steady'), chart),
    [
      '## How it was measured',
      '',
      '`npm run bench -- goals --json > results.jsonl`, then `node scripts/performance-page.mjs results.jsonl`, which writes this page and its charts. Both',
      'engines have the same two cores, one process and two slots, exactly-once checkpoints every 10 s, events that are the same byte for byte, and run twice, of which',
      'the second counts. CPU time is that of the whole process. Speeds on shared machines are good to ±25 %: what counts are ratios of one run.',
      '[internals/benchmarks.md](internals/benchmarks.md) says more about each benchmark.',
      '',
    ],
  ];
  return { text: sections.flat().join('\n'), charts };
}

function intro([machine]) {
  if (machine === undefined) return 'Of an unknown machine.';
  const { date, commit, isModified, cpu, cpuCount, memoryBytes, node, load } = machine;
  const isBusy = load > BUSY_LOAD;
  return [
    `Measured on ${date.slice(0, 10)}, commit ${commit}${isModified ? ' with changes' : ''}: ${cpuCount} CPUs (${cpu}), ${Math.round(memoryBytes / 2 ** 30)} GiB, Node ${node}${isBusy ? `, **busy with other work meanwhile (load ${load.toFixed(0)})**` : ''}. The goals are for`,
    'two cores: at least 1.5 times Flink 2.3 on every query of Nexmark, with durable state.',
  ].join('\n');
}

function nexmarkSection(rows, chart) {
  if (rows.length === 0) return ['## Nexmark', '', 'Not measured.', ''];
  const ordered = Object.keys(NEXMARK_GOALS).flatMap((query) => rows.filter((row) => row.query === query));
  const compared = ordered.filter(({ ratio }) => ratio !== undefined);
  const picture =
    compared.length > 0 &&
    chart(
      'nexmark',
      barChart({
        title: 'Nexmark: events a second, times Flink',
        description: compared.map(({ query, ratio }) => `${query} ${ratio.toFixed(2)}`).join(', '),
        legend: ['Millrace, Flink being 1'],
        unit: 'the mark is the goal',
        rows: compared.map(({ query, ratio }) => {
          const { name, times } = NEXMARK_GOALS[query];
          return { label: `${query} ${name}`, a: ratio, mark: times, text: ratio.toFixed(2) };
        }),
      }),
      'Throughput of each Nexmark query against Flink, with the goals',
    );
  return [
    '## Nexmark',
    '',
    ...(picture ? [picture, ''] : []),
    '| query | events | M events/s | goal | Flink | × Flink | goal | CPU s per M | Flink | reached |',
    '| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- |',
    ...ordered.map(({ query, events, millrace, flink, ratio }) => {
      const { name, goal, times } = NEXMARK_GOALS[query];
      const speed = millrace.eventsPerSecond / 1e6;
      return cells([
        `${query} ${name}`,
        `${digits(events / 1e6)} M`,
        digits(speed),
        goal === undefined ? '' : String(goal),
        flink === undefined ? '' : digits(flink.recordsPerSecond / 1e6),
        ratio === undefined ? '' : ratio.toFixed(2),
        times === undefined ? '' : String(times),
        digits(millrace.cpuSecondsPerMillion),
        flink === undefined ? '' : digits(flink.cpuSecondsPerMillion),
        reached([
          goal === undefined ? undefined : speed >= goal,
          ratio === undefined ? undefined : ratio >= times,
        ]),
      ]);
    }),
    '',
    'Reached is what meets the speed (which is of one machine) and the ratio; "ratio" or "speed" is the one of both that is met. q6 cannot be said in Flink\'s SQL.',
    '',
    ...missing(
      Object.keys(NEXMARK_GOALS),
      rows.map(({ query }) => query),
    ),
  ];
}

/** A page of a part of all that there is says what it does not show. */
function missing(all, measured) {
  const left = all.filter((name) => !measured.includes(name));
  return left.length === 0 ? [] : [`Not measured: ${left.join(', ')}.`, ''];
}

function reached([speed, ratio]) {
  if (speed === undefined && ratio === undefined) return '';
  if (ratio === undefined) return speed ? 'speed' : 'no';
  if (speed && ratio) return 'yes';
  return ratio ? 'ratio' : speed ? 'speed' : 'no';
}

function workloadSection(rows) {
  if (rows.length === 0) return ['## Other workloads', '', 'Not measured.', ''];
  return [
    '## Other workloads',
    '',
    '| workload | records | M records/s | goal | Flink | × Flink | CPU s per M | Flink | reached |',
    '| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- |',
    ...Object.entries(WORKLOAD_GOALS).flatMap(([workload, { name, goal }]) =>
      rows
        .filter((row) => row.workload === workload)
        .map(({ records, millrace, flink, ratio }) =>
          cells([
            name,
            `${digits(records / 1e6)} M${flink?.records === undefined ? '' : `, Flink ${digits(flink.records / 1e6)} M`}`,
            digits(millrace.recordsPerSecond / 1e6),
            String(goal),
            flink === undefined ? '' : digits(flink.recordsPerSecond / 1e6),
            ratio === undefined ? '' : ratio.toFixed(2),
            digits(millrace.cpuSecondsPerMillion),
            flink === undefined ? '' : digits(flink.cpuSecondsPerMillion),
            millrace.recordsPerSecond / 1e6 >= goal ? 'yes' : 'no',
          ]),
        ),
    ),
    '',
    ...missing(
      Object.keys(WORKLOAD_GOALS),
      rows.map(({ workload }) => workload),
    ),
  ];
}

function otherSection(rows) {
  const lines = OTHER_GOALS.flatMap(({ what, part, of, most, unit }) => {
    // What could not be measured is null.
    const values = rows(part)
      .map(of)
      .filter((value) => typeof value === 'number');
    if (values.length === 0) return [];
    const value = Math.max(...values);
    return [cells([what, `${digits(value)} ${unit}`, `≤ ${most} ${unit}`, value <= most ? 'yes' : 'no'])];
  });
  if (lines.length === 0) return ['## Latency, checkpoints, recovery', '', 'Not measured.', ''];
  return [
    '## Latency, checkpoints, recovery',
    '',
    '| what | measured | goal | reached |',
    '| --- | ---: | ---: | --- |',
    ...lines,
    '',
    ...missing(
      [...new Set(OTHER_GOALS.map(({ part }) => part))],
      OTHER_GOALS.map(({ part }) => part).filter((part) => rows(part).length > 0),
    ),
  ];
}

function scaleSection(rows, chart) {
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
      '| workload | slots | where | M records/s | efficiency | CPU s per M |',
      '| --- | ---: | --- | ---: | ---: | ---: |',
      ...ordered.map((row) =>
        cells([
          row.workload,
          String(row.slots),
          where(row),
          digits(row.recordsPerSecond / 1e6),
          percent(row.efficiency),
          digits(row.cpuSecondsPerMillion),
        ]),
      ),
      '',
      'Efficiency is the speed by slot against that of one slot. One slot exchanges nothing: a batch goes from operator to operator as it is.',
      '',
    );
  }
  const keys = rows('keys');
  if (keys.length > 0) lines.push(...keysLines(keys, chart));
  const subtasks = rows('subtasks');
  if (subtasks.length > 0) lines.push(...subtaskLines(subtasks, chart));
  return lines.length === 0 ? [] : ['## Scale', '', ...lines];
}

function slotsChart(rows, { chart, where }) {
  const two = rows.filter(({ slots, efficiency }) => slots > 1 && Number.isFinite(efficiency));
  const bars = two.map((row) => ({
    label: `${row.workload}, ${where(row).replace(' of one process', '').replace('TaskManager', 'process')}`,
    a: row.efficiency * row.slots,
    mark: row.slots,
    text: `${digits(row.recordsPerSecond / 1e6)} M/s, ${percent(row.efficiency)}`,
  }));
  return chart(
    'slots',
    barChart({
      title: 'Two slots: speed, times that of one',
      description: bars.map(({ label, a, text }) => `${label}: ${a.toFixed(2)} (${text})`).join('; '),
      legend: ['two slots, one being 1'],
      unit: 'the mark is twice the speed',
      rows: bars,
    }),
    'Throughput of two slots against one, as threads, in one process and in two',
  );
}

function percent(share) {
  return `${Math.round(share * 100)} %`;
}

function memoryChart(keys, chart) {
  const bars = keys
    .filter(({ bytesPerKey }) => typeof bytesPerKey === 'number')
    .map((row) => ({
      label: `${row.keys.toLocaleString('en')} keys, ${row.cache === 'heap' ? 'all in memory' : 'default cache'}`,
      a: Math.max(0, row.bytesPerKey),
      text: `${row.bytesPerKey.toFixed(0)} bytes`,
    }));
  if (bars.length === 0) return [];
  const picture = chart(
    'memory',
    barChart({
      title: 'A running count: memory a key',
      description: bars.map(({ label, text }) => `${label}: ${text}`).join('; '),
      legend: ['bytes a key'],
      unit: 'of the processes, heaps included',
      rows: bars,
    }),
    'Memory a key as the number of keys grows',
  );
  return [picture, ''];
}

function keysLines(keys, chart) {
  const series = ['heap', 'default'].map((cache) => ({
    name: NAMES[cache],
    points: keys.filter((row) => row.cache === cache).map((row) => [row.keys, row.cpuMicrosecondsPerRecord]),
  }));
  return [
    '### Keys',
    '',
    chart(
      'keys',
      lineChart({
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
      }),
      'CPU time of a record as the number of keys grows',
    ),
    '',
    ...memoryChart(keys, chart),
    '| state | keys | filled | M records/s | CPU µs a record | bytes a key |',
    '| --- | ---: | ---: | ---: | ---: | ---: |',
    ...keys.map((row) =>
      cells([
        NAMES[row.cache],
        row.keys.toLocaleString('en'),
        `${Math.round((row.keysFilled / row.keys) * 100)} % in ${row.fillSeconds.toFixed(0)} s`,
        digits(row.recordsPerSecond / 1e6),
        digits(row.cpuMicrosecondsPerRecord),
        row.bytesPerKey === null ? '' : row.bytesPerKey.toFixed(0),
      ]),
    ),
    '',
    'Bytes a key are what the processes have more in memory than with 10,000 keys, all of their heaps included.',
    '',
  ];
}

function subtaskLines(subtasks, chart) {
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
      lineChart({
        title: 'From a submission until all subtasks run',
        description: series
          .map(
            ({ name, points }) =>
              `${name}: ${points.map(([x, y]) => `${x} subtasks ${digits(y)} s`).join(', ')}`,
          )
          .join('; '),
        series: series.filter(({ points }) => points.length > 0),
        ticks: [
          [11, '11'],
          [101, '101'],
          [1_001, '1,001'],
        ],
        isLogarithmic: true,
        unit: 'seconds; the mark is the goal for 1,000',
        xName: 'subtasks',
        mark: 5,
      }),
      'Deployment time as the number of subtasks grows',
    ),
    '',
    '| where | subtasks | channels | seconds | first time |',
    '| --- | ---: | ---: | ---: | ---: |',
    ...subtasks.map((row) =>
      cells([
        names[row.cluster],
        row.subtasks.toLocaleString('en'),
        row.channels.toLocaleString('en'),
        digits(row.seconds),
        digits(row.firstSeconds),
      ]),
    ),
    '',
  ];
}

function steadySection([row], chart) {
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
      lineChart({
        title: `${minutes} minutes of q5: memory of all processes`,
        description: `Resident ${grown(row.lastRssBytes, row.settledRssBytes)}, heap ${grown(row.lastHeapBytes, row.settledHeapBytes)}`,
        series: [line('resident', 'rssBytes'), line('JavaScript heaps of the slots', 'heapBytes')],
        ticks: ticks.filter(([at]) => at >= (samples[0]?.seconds ?? 0) / 60 - 1),
        isLogarithmic: false,
        unit: 'MiB',
        xName: 'minutes',
      }),
      'Resident memory and heap over the run',
    ),
    '',
    `${(events / 1e6).toFixed(0)} M events, ${eventsPerSecond.toLocaleString('en')} a second. From a sixth of the time to its end: resident ${grown(row.lastRssBytes, row.settledRssBytes)}, heap ${grown(row.lastHeapBytes, row.settledHeapBytes)} (means over a twelfth of the run).`,
    '',
  ];
}

function cells(texts) {
  return `| ${texts.join(' | ')} |`;
}

function digits(value) {
  if (value >= 100) return Math.round(value).toLocaleString('en');
  return value >= 10 ? value.toFixed(1) : value >= 1 ? value.toFixed(2) : value.toPrecision(2);
}

const files = process.argv.slice(2);
if (files.length === 0) {
  process.stderr.write(
    'Name the files that `npm run bench -- goals --json` wrote: the page stays as it is.\n',
  );
  process.exit(2);
}
const parts = read(files);
if ([...parts.keys()].every((part) => part === 'machine')) {
  process.stderr.write(`There are no results in ${files.join(', ')}: the page stays as it is.\n`);
  process.exit(2);
}
const { text, charts } = page((part) => [...(parts.get(part)?.values() ?? [])]);
mkdirSync(join(docs, 'performance'), { recursive: true });
writeFileSync(join(docs, 'performance.md'), text);
for (const [name, svg] of charts) writeFileSync(join(docs, 'performance', `${name}.svg`), svg);
process.stderr.write(`docs/performance.md and ${charts.length} charts\n`);
