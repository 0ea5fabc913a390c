// Charts as SVG, without a library: plain, with a title and a description for those who do not see them, in light and in dark.

const WIDTH = 720;
const CAPTION_HEIGHT = 24;
const FONT = 'font: 13px system-ui, sans-serif';
/** Told apart without colours, too: by their lightness, by dashes of lines, and by names beside them. */
const STYLE = `
  text { ${FONT}; fill: #24292f } .quiet { fill: #57606a } .grid { stroke: #d0d7de }
  .a { fill: #0a5cad } .b { fill: #b9c4d0 } .line-a { stroke: #0a5cad } .line-b { stroke: #9a4a00; stroke-dasharray: 6 4 }
  .dot-a { fill: #0a5cad } .dot-b { fill: #9a4a00 } .mark { stroke: #c4320a; stroke-width: 2 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .quiet { fill: #9198a1 } .grid { stroke: #3d444d }
    .a { fill: #58a6ff } .b { fill: #59636e } .line-a { stroke: #58a6ff } .line-b { stroke: #f0a35e }
    .dot-a { fill: #58a6ff } .dot-b { fill: #f0a35e } .mark { stroke: #ff8c69 }
  }`;

/**
 * Bars from left to right, one or two a row, with their values, and a mark where the goal is. `rows`: {label, a, b?, mark?, text}.
 */
export function barChart({ title, description, legend, rows, unit, caption }) {
  const left = 215;
  const right = 150;
  const rowHeight = rows.some(({ b }) => b !== undefined) ? 34 : 24;
  const barHeight = 13;
  const top = 64;
  const most = Math.max(...rows.flatMap(({ a, b = 0, mark = 0 }) => [a, b, mark]), 1e-9);
  const x = (value) => round((value / most) * (WIDTH - left - right));
  const parts = rows.flatMap(({ label, a, b, mark, text }, index) => {
    const y = top + index * rowHeight;
    const height = b === undefined ? barHeight : barHeight * 2;
    return [
      `<text x="${left - 8}" y="${y + height / 2 + 5}" text-anchor="end">${escape(label)}</text>`,
      `<rect class="a" x="${left}" y="${y}" width="${x(a)}" height="${barHeight}"/>`,
      b === undefined
        ? ''
        : `<rect class="b" x="${left}" y="${y + barHeight}" width="${x(b)}" height="${barHeight}"/>`,
      mark === undefined
        ? ''
        : `<line class="mark" x1="${left + x(mark)}" x2="${left + x(mark)}" y1="${y - 2}" y2="${y + height + 2}"/>`,
      `<text class="quiet" x="${left + Math.max(x(a), x(b ?? 0), x(mark ?? 0)) + 8}" y="${y + height / 2 + 5}">${escape(text)}</text>`,
    ];
  });
  return svg({
    title,
    description,
    height: top + rows.length * rowHeight + 12,
    caption,
    parts: [...heading(title, legend, unit, 'bar'), ...parts],
  });
}

/** One or two lines over a logarithmic or a linear axis. `series`: [{name, points: [[x, y], …]}]; `ticks`: [x, label]. */
export function lineChart({ title, description, series, ticks, isLogarithmic, unit, xName, mark, caption }) {
  const [left, right, top, height] = [64, 24, 72, 340];
  const bottom = height - 48;
  const points = series.flatMap((each) => each.points);
  const scale = isLogarithmic ? Math.log10 : (value) => value;
  const xs = points.map(([x]) => scale(x));
  const [from, to] = [Math.min(...xs), Math.max(...xs)];
  const most = niceCeiling(Math.max(...points.map(([, y]) => y), mark ?? 0, 1e-9));
  const x = (value) =>
    round(left + ((scale(value) - from) / Math.max(to - from, 1e-9)) * (WIDTH - left - right));
  const y = (value) => round(bottom - (value / most) * (bottom - top));
  const parts = [
    ...[0, 0.25, 0.5, 0.75, 1].flatMap((share) => [
      `<line class="grid" x1="${left}" x2="${WIDTH - right}" y1="${y(most * share)}" y2="${y(most * share)}"/>`,
      `<text class="quiet" x="${left - 8}" y="${y(most * share) + 4}" text-anchor="end">${tidy(most * share)}</text>`,
    ]),
    ...ticks.map(
      ([at, label]) =>
        `<text class="quiet" x="${x(at)}" y="${bottom + 20}" text-anchor="middle">${escape(label)}</text>`,
    ),
    `<text class="quiet" x="${(left + WIDTH - right) / 2}" y="${bottom + 40}" text-anchor="middle">${escape(xName)}</text>`,
    mark === undefined
      ? ''
      : `<line class="mark" x1="${left}" x2="${WIDTH - right}" y1="${y(mark)}" y2="${y(mark)}"/>`,
    ...series.flatMap((each, index) => {
      const name = 'ab'[index];
      return [
        `<polyline class="line-${name}" fill="none" stroke-width="2" points="${each.points.map(([px, py]) => `${x(px)},${y(py)}`).join(' ')}"/>`,
        ...(each.points.length > 20
          ? []
          : each.points.map(([px, py]) => `<circle class="dot-${name}" cx="${x(px)}" cy="${y(py)}" r="4"/>`)),
      ];
    }),
  ];
  return svg({
    title,
    description,
    height,
    caption,
    parts: [
      ...heading(
        title,
        series.map(({ name }) => name),
        unit,
        'line',
      ),
      ...parts,
    ],
  });
}

function heading(title, legend, unit, kind) {
  const entries = legend.flatMap((name, index) => {
    const at = 16 + index * 230;
    const sample =
      kind === 'bar'
        ? `<rect class="${'ab'[index]}" x="${at}" y="34" width="18" height="12"/>`
        : `<line class="line-${'ab'[index]}" x1="${at}" x2="${at + 22}" y1="40" y2="40" stroke-width="2"/>`;
    return [sample, `<text class="quiet" x="${at + 28}" y="45">${escape(name)}</text>`];
  });
  return [
    `<text x="16" y="22" style="font-weight: 600">${escape(title)}</text>`,
    ...entries,
    `<text class="quiet" x="${WIDTH - 16}" y="45" text-anchor="end">${escape(unit)}</text>`,
  ];
}

/** `caption`: what was measured when and where, below the picture. */
function svg({ title, description, height, caption, parts }) {
  const whole = height + CAPTION_HEIGHT;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${whole}" width="${WIDTH}" height="${whole}" role="img" aria-labelledby="title description">`,
    `<title id="title">${escape(title)}</title>`,
    `<desc id="description">${escape(description)}</desc>`,
    `<style>${STYLE}\n</style>`,
    ...parts.filter((part) => part !== ''),
    `<text class="quiet" x="16" y="${whole - 8}">${escape(caption)}</text>`,
    '</svg>',
    '',
  ].join('\n');
}

function niceCeiling(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 4, 5, 8, 10].map((step) => step * power).find((step) => step >= value) ?? value;
}

function tidy(value) {
  return value >= 1_000 ? Math.round(value).toLocaleString('en') : String(Number(value.toPrecision(3)));
}

function round(value) {
  return Math.round(value * 10) / 10;
}

function escape(text) {
  return String(text).replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}
