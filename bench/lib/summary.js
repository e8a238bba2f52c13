'use strict';

/**
 * @file Computes the figures of the rounds: medians, spreads, ratios, bounds, and the table.
 */

const { CASES, GROWTH, PEERS } = require('./cases');

/** The figures of a round. With `lower: true`, less is better. */
const FIGURES = {
  cpu: { lower: true, title: 'CPU', of: (r) => r.cpu && r.cpu.server_ns / 1e3 / r.messages },
  js: { lower: true, title: 'JS CPU', of: (r) => r.cpu && r.cpu.server_main_ns / 1e3 / r.messages },
  rate: { lower: false, title: 'rate', of: (r) => r.rate },
  p50: { lower: true, title: 'p50', of: (r) => r.latency_us?.p50 },
  p99: { lower: true, title: 'p99', of: (r) => r.latency_us?.p99 },
  p999: { lower: true, title: 'p99.9', of: (r) => r.latency_us?.p999 },
  bytes: { lower: true, title: 'bytes', of: (r) => r.bytes },
};

/** Disturbed rounds are left out if at least this number of others remain. */
const ENOUGH_ROUNDS = 3;

/** @param {number[]} values */
function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/**
 * The figures of one peer in one case.
 *
 * @param {{ disturbed: boolean, report: any }[]} rounds
 */
function summarise(rounds) {
  const quiet = rounds.filter((round) => !round.disturbed);
  const used = quiet.length >= ENOUGH_ROUNDS ? quiet : rounds;
  const summary = { rounds: rounds.length, disturbed: rounds.length - quiet.length };
  for (const [name, { of }] of Object.entries(FIGURES)) {
    const values = used.map(({ report }) => of(report)).filter(Number.isFinite);
    if (values.length === 0) continue;
    summary[name] = {
      median: median(values),
      min: Math.min(...values),
      max: Math.max(...values),
    };
  }
  return summary;
}

/**
 * The ratio by which `peer` is better than `than`: above 1 it is better.
 *
 * @param {Record<string, any>} summaries by peer
 * @param {string} figure
 * @param {string} peer
 * @param {string} than
 */
function ratio(summaries, figure, peer, than) {
  const [ours, theirs] = [summaries[peer]?.[figure]?.median, summaries[than]?.[figure]?.median];
  if (!(ours > 0) || !(theirs > 0)) return null;
  return FIGURES[figure].lower ? theirs / ours : ours / theirs;
}

/**
 * The results of the bounds of a case.
 *
 * @param {import('./cases').Case} test
 * @param {Record<string, any>} summaries
 */
function checks(test, summaries) {
  const results = [];
  for (const { figure, atLeast, atMost, than = 'sockjs', peer = 'sockjs-rs' } of test.bounds) {
    const value =
      atMost === undefined
        ? ratio(summaries, figure, peer, than)
        : (summaries[peer]?.[figure]?.median ?? null);
    const wanted = atMost === undefined ? [peer, than] : [peer];
    if (!wanted.every((name) => summaries[name])) continue;
    const limit = atMost === undefined ? `≥ ${atLeast}x of ${than}` : `≤ ${atMost}`;
    const title = peer === 'sockjs-rs' ? '' : `${PEERS[peer].title}: `;
    results.push({
      bound: `${title}${FIGURES[figure].title} ${limit}`,
      value,
      // A missing figure meets no bound.
      ok: value !== null && (atMost === undefined ? value >= atLeast : value <= atMost),
    });
  }
  return results;
}

/**
 * The results of the bounds between cases.
 *
 * @param {any[]} cases with their summaries
 */
function growth(cases) {
  return GROWTH.flatMap(({ name, cases: pattern, peer = 'sockjs-rs', unit, atMost }) => {
    const group = cases.filter((test) => pattern.test(test.name));
    const all = CASES.filter((test) => pattern.test(test.name));
    if (group.length < all.length || !group[0].summaries[peer]) return [];
    const costs = group.map((test) => {
      return (test.summaries[peer]?.cpu?.median ?? NaN) / unit(test.load);
    });
    // With a larger load, one unit may cost less, but not more. The cases are in order of size.
    const value = Math.max(...costs.map((cost, at) => cost / Math.min(...costs.slice(0, at + 1))));
    const apart = Math.max(...costs) / Math.min(...costs);
    return [{ bound: `${name} ≤ ${atMost}`, value, ok: value <= atMost, apart }];
  });
}

/**
 * The lines of one case.
 *
 * @param {any} test a case with its summaries and checks
 */
function table(test) {
  const base = test.summaries.sockjs ? 'sockjs' : Object.keys(test.summaries)[0];
  const isMemory = Object.values(test.summaries).some((summary) => summary.bytes);
  const heads = isMemory
    ? ['', 'bytes', '±', 'ratio', '']
    : ['', 'CPU µs', '±', 'JS µs', 'msg/s', 'p50 µs', 'p99 µs', 'p99.9', 'CPU', 'JS', 'rate', ''];
  const rows = Object.entries(test.summaries).map(([peer, summary]) => {
    const times = (figure) => {
      const value = ratio(test.summaries, figure, peer, base);
      return value === null ? '–' : `${value.toFixed(2)}x`;
    };
    const figure = (name) => number(summary[name]?.median);
    const notes = summary.disturbed ? `${summary.disturbed}/${summary.rounds} disturbed` : '';
    const title = PEERS[peer].title;
    if (isMemory) return [title, figure('bytes'), spread(summary.bytes), times('bytes'), notes];
    const figures = ['js', 'rate', 'p50', 'p99', 'p999'].map(figure);
    const ratios = ['cpu', 'js', 'rate'].map(times);
    return [title, figure('cpu'), spread(summary.cpu), ...figures, ...ratios, notes];
  });
  const widths = heads.map((_, at) => Math.max(...[heads, ...rows].map((row) => row[at].length)));
  const line = (row) =>
    row.map((cell, at) => (at ? cell.padStart(widths[at]) : cell.padEnd(widths[at]))).join('  ');
  return [
    test.name,
    ...[heads, ...rows].map((row) => `  ${line(row).trimEnd()}`),
    ...test.checks.map((check) => `  ${verdict(check)}`),
  ].join('\n');
}

/** @param {{ bound: string, value: number | null, ok: boolean, apart?: number }} check */
function verdict({ bound, value, ok, apart }) {
  const note = apart === undefined ? '' : ` (largest to smallest, in any order: ${number(apart)})`;
  return `${ok ? 'ok  ' : 'MISS'} ${bound}: ${number(value ?? undefined)}${note}`;
}

/** Half the distance from the smallest to the largest round, in per cent of the median. */
function spread(figure) {
  if (!figure) return '–';
  return `${Math.round(((figure.max - figure.min) / 2 / figure.median) * 100)}%`;
}

/** @param {number | undefined} value */
function number(value) {
  if (value === undefined) return '–';
  const digits = value >= 100 ? 0 : value >= 10 ? 1 : value >= 1 ? 2 : 3;
  return value.toLocaleString('en', { maximumFractionDigits: digits });
}

module.exports = { checks, growth, ratio, summarise, table, verdict };
