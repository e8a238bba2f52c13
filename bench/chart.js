'use strict';

/**
 * @file Draws the chart of the README from the JSON of a run. It shows the ratio of the server CPU that a message
 * costs with sockjs and with its alternatives.
 *
 *     node bench/chart.js [results.json] [chart.svg]
 *
 * Without arguments: the newest file in `results/`, and `results/chart.svg`.
 */

const { readdirSync, readFileSync, writeFileSync } = require('node:fs');
const path = require('node:path');

const { GROWTH, PEERS } = require('./lib/cases');
const { ratio } = require('./lib/summary');

const RESULTS = path.join(__dirname, 'results');

/** The peers that are drawn, in this order. The others are only in the JSON. */
const DRAWN = ['sockjs-rs', 'ws', 'socket.io'];

const WIDTH = 760;
const LABELS = 300;
const MARGIN = 16;
const BAR = 12;
const BETWEEN_CASES = 14;
const HEAD = 76;
/** Width of the figure at the end of the longest bar. */
const FIGURE = 60;

/**
 * Colours that are legible on white and on black. Text and lines follow the colour scheme of the reader.
 */
const STYLE = `
  text { font: 12px system-ui, sans-serif; fill: #24292f }
  .title { font-size: 15px; font-weight: 600 }
  .small { font-size: 11px; fill: #57606a }
  .figure { font-size: 10px }
  .line { stroke: #8c959f; stroke-dasharray: 2 3 }
  .sockjs-rs { fill: #c2571a }
  .ws { fill: #7a8a99 }
  .socket-io { fill: #a9b4be }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 }
    .small { fill: #9198a1 }
    .line { stroke: #6e7681 }
    .sockjs-rs { fill: #e8793a }
    .ws { fill: #8b99a6 }
    .socket-io { fill: #5f6b76 }
  }`;

function main() {
  const [input = newest(), output = path.join(RESULTS, 'chart.svg')] = process.argv.slice(2);
  writeFileSync(output, draw(JSON.parse(readFileSync(input, 'utf8'))));
  console.log(`${path.relative(process.cwd(), input)} drawn as ${path.relative('', output)}`);
}

/** The JSON of the last run. */
function newest() {
  const files = readdirSync(RESULTS).filter((file) => file.endsWith('.json'));
  if (files.length === 0) throw new Error('no results yet: npm run bench');
  return path.join(RESULTS, files.sort().at(-1));
}

/**
 * @param {any} report
 * @returns {string} SVG
 */
function draw(report) {
  const cases = report.cases
    .filter(isDrawn)
    .map(bars)
    .filter(({ rows }) => rows.length > 0);
  const rows = cases.flatMap((test) => test.rows);
  if (rows.length === 0) throw new Error('nothing to draw: no case has both sockjs and sockjs-rs');
  const peers = DRAWN.filter((peer) => rows.some((row) => row.peer === peer));
  const longest = Math.max(...rows.map((row) => row.value));
  const scale = (WIDTH - LABELS - MARGIN - FIGURE) / longest;

  const parts = [];
  let top = HEAD;
  for (const test of cases) {
    const height = test.rows.length * BAR;
    parts.push(text(LABELS - 10, top + height / 2 + 4, test.name, '', 'end'));
    for (const [at, { peer, value }] of test.rows.entries()) {
      const y = top + at * BAR;
      const width = Math.max(1, value * scale).toFixed(1);
      parts.push(
        `<rect class="${cssClass(peer)}" x="${LABELS}" y="${y}" width="${width}" height="${BAR - 2}"/>`,
        text(LABELS + Number(width) + 4, y + 9, `${value.toFixed(value < 10 ? 1 : 0)}×`, 'figure'),
      );
    }
    top += height + BETWEEN_CASES;
  }
  const one = (LABELS + scale).toFixed(1);
  const line = `<line class="line" x1="${one}" x2="${one}" y1="${HEAD - 8}" y2="${top - 6}"/>`;
  const height = top + 26;
  const { machine, versions, date } = report;
  const source = `${machine.cpu}, Node ${versions.node}, sockjs ${versions.sockjs}, ${date.slice(0, 10)}; the dashed line is sockjs`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" role="img">`,
    `<title>${TITLE}</title>`,
    `<style>${STYLE}</style>`,
    text(MARGIN, 26, TITLE, 'title'),
    legend(peers),
    line,
    ...parts,
    text(MARGIN, height - 10, source, 'small'),
    '</svg>\n',
  ].join('\n');
}

const TITLE = 'Server cost of a message: how many times less than sockjs (longer is better)';

/** Only pinned cases are drawn, without those that repeat one measurement to compare them with each other. */
function isDrawn({ name, pinned }) {
  return pinned && !GROWTH.some(({ cases, repeat }) => repeat && cases.test(name));
}

/** The ratios of a case to sockjs: of CPU time; of memory if nothing is sent. Rooms are drawn with `publish`. */
function bars({ name, summaries: all }) {
  const summaries = { ...all, 'sockjs-rs': all['sockjs-rs-publish'] ?? all['sockjs-rs'] };
  const figure = summaries.sockjs?.bytes ? 'bytes' : 'cpu';
  const rows = summaries['sockjs-rs']
    ? DRAWN.map((peer) => ({ peer, value: ratio(summaries, figure, peer, 'sockjs') }))
    : [];
  const title = figure === 'bytes' ? `${name}: memory` : name;
  return { name: title, rows: rows.filter(({ value }) => value !== null) };
}

/** @param {string[]} peers */
function legend(peers) {
  let x = MARGIN;
  return peers
    .map((peer) => {
      const { title } = PEERS[peer];
      const entry = `<rect class="${cssClass(peer)}" x="${x}" y="42" width="10" height="10"/>${text(x + 15, 51, title)}`;
      x += 15 + title.length * 7 + 18;
      return entry;
    })
    .join('');
}

function cssClass(peer) {
  return peer.replaceAll('.', '-');
}

/**
 * @param {number} x
 * @param {number} y
 * @param {string} content
 * @param {string} [style]
 * @param {'start' | 'end'} [anchor]
 */
function text(x, y, content, style = '', anchor = 'start') {
  const escaped = content.replace(/[&<>]/g, (char) => `&#${char.charCodeAt(0)};`);
  const attributes = [style && ` class="${style}"`, anchor === 'end' && ' text-anchor="end"'];
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}"${attributes.filter(Boolean).join('')}>${escaped}</text>`;
}

main();
