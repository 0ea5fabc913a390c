// The section of docs/performance.md on how far the engine is from bare loops.
import { digits } from './performance-tables.mjs';

/** Lines of Markdown. `rows`: what the part `bare` printed. `table`: makes lines of a header and of {cells, row}. */
export function bareSection(rows, table) {
  const title = '## Bare loops';
  if (rows.length === 0) return [title, '', 'Not measured.', ''];
  return [
    title,
    '',
    ...table(
      ['what', 'the loop', 'the engine', 'loop:', 'engine:', 'factor:', 'within 2'],
      rows.map((row) => ({ row, cells: bareCells(row) })),
    ),
    '',
    'What a program without an engine could do on one core for the same results, in the same run, in turns: M records a second of processor time (frames: MB a second by the clock). The factor is how many times',
    'as fast the loop is, the median over the rounds; the aim is two. The loops keep nothing durable, are of one job each, know their keys and their layout beforehand, and check nothing.',
    '[internals/benchmarks.md](internals/benchmarks.md#bare-loops) says where the rest goes.',
    '',
  ];
}

function bareCells({ what, loop, engine, loopSpeed, engineSpeed, factor, isWithin }) {
  return [
    what,
    loop,
    engine,
    digits(loopSpeed),
    digits(engineSpeed),
    factor.toFixed(2),
    isWithin ? 'yes' : 'no',
  ];
}
