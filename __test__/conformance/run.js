'use strict';

/**
 * @file `npm run test:autobahn`: runs the Autobahn test suite against raw websockets, through both
 * ingresses, and compares its verdicts with the committed ones.
 *
 *     --cases '1.*,7.*'   only these cases; by default all of GROUPS
 *     --write             writes the verdicts of the takeover ingress to expected.json and keeps its reasons
 *     --if-possible       if Python 2.7 is missing, says so and exits with 0
 *
 * SOCKJS_ORACLE=1 runs it against 0.3.24.
 */

const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { parseArgs } = require('node:util');

const { Child } = require('../support/child');
const { environmentOf, ingresses } = require('../support/library');
const { ensureEnvironment, findPython, lookForPython } = require('./python');

const EXPECTED = path.join(__dirname, 'expected.json');
const REPORTS = path.join(__dirname, 'reports');
/** Groups 12 and 13 are about compression, which is not implemented. */
const GROUPS = ['1.*', '2.*', '3.*', '4.*', '5.*', '6.*', '7.*', '9.*', '10.*'];

/**
 * The suite's verdict on one case: behaviour, closing behaviour and close code.
 *
 * @typedef {string} Verdict such as `OK, OK, 1000`
 */

/**
 * The committed verdicts. Both ingresses must have the same. Each that is not OK has a reason.
 *
 * @typedef {{ reasons: Record<string, string>, verdicts: Record<string, Verdict> }} Expected
 */

async function main() {
  const { values } = parseArgs({
    options: {
      cases: { type: 'string' },
      write: { type: 'boolean' },
      'if-possible': { type: 'boolean' },
    },
  });
  if (values['if-possible'] && lookForPython() === undefined) {
    console.log('The Autobahn test suite is skipped: there is no Python 2.7.');
    return;
  }
  const cases = values.cases?.split(',') ?? GROUPS;
  const python = findPython('The Autobahn test suite');
  const requirements = path.join(__dirname, 'requirements.txt');
  const wstest = path.join(ensureEnvironment('autobahn', python, requirements), 'wstest');
  const servers = await Promise.all(ingresses.map(startServer));
  try {
    runSuite(wstest, cases, servers);
  } finally {
    for (const { child } of servers) child.kill();
  }
  const verdicts = readVerdicts();
  printTable(verdicts);
  if (values.write) writeExpected(verdicts[ingresses[0]]);
  const differences = compare(readExpected(), verdicts, values.cases === undefined);
  for (const line of differences) console.error(line);
  process.exitCode = differences.length > 0 ? 1 : 0;
}

/**
 * @param {string} ingress
 * @returns {Promise<{ agent: string, url: string, child: Child }>}
 */
async function startServer(ingress) {
  const child = new Child(path.join(__dirname, 'echo-server.js'), { env: environmentOf(ingress) });
  const [, port] = await child.line(/^port (\d+)$/);
  return { agent: ingress, url: `ws://127.0.0.1:${port}/echo/websocket`, child };
}

/**
 * @param {string} wstest
 * @param {string[]} cases
 * @param {{ agent: string, url: string }[]} servers
 */
function runSuite(wstest, cases, servers) {
  fs.rmSync(REPORTS, { recursive: true, force: true });
  fs.mkdirSync(REPORTS);
  const spec = path.join(REPORTS, 'spec.json');
  fs.writeFileSync(
    spec,
    JSON.stringify({
      outdir: REPORTS,
      servers: servers.map(({ agent, url }) => ({ agent, url })),
      cases,
      'exclude-cases': [],
      'exclude-agent-cases': {},
    }),
  );
  const log = fs.openSync(path.join(REPORTS, 'wstest.log'), 'w');
  execFileSync(wstest, ['-m', 'fuzzingclient', '-s', spec], {
    cwd: REPORTS,
    stdio: ['ignore', log, log],
  });
}

/** @returns {Record<string, Record<string, Verdict>>} by ingress and case */
function readVerdicts() {
  const index = JSON.parse(fs.readFileSync(path.join(REPORTS, 'index.json'), 'utf8'));
  /** @type {Record<string, Record<string, Verdict>>} */
  const verdicts = {};
  for (const ingress of ingresses) {
    verdicts[ingress] = {};
    for (const name of Object.keys(index[ingress]).sort(byNumber)) {
      const { behavior, behaviorClose, remoteCloseCode } = index[ingress][name];
      verdicts[ingress][name] = `${behavior}, ${behaviorClose}, ${remoteCloseCode}`;
    }
  }
  return verdicts;
}

/**
 * Compares verdicts with the committed ones.
 *
 * @param {Expected} expected
 * @param {Record<string, Record<string, Verdict>>} found by ingress and case
 * @param {boolean} isFull whether every expected case must have run
 * @returns {string[]} a line for each difference
 */
function compare(expected, found, isFull) {
  const lines = [];
  for (const ingress of ingresses) {
    const names = new Set(Object.keys(found[ingress]));
    if (isFull) for (const name of Object.keys(expected.verdicts)) names.add(name);
    if (names.size === 0) lines.push(`${ingress}: no case was run`);
    for (const name of [...names].sort(byNumber)) {
      const was = expected.verdicts[name] ?? 'not listed';
      const is = found[ingress][name] ?? 'not run';
      if (is !== was) lines.push(`${ingress} ${name}: ${is}; expected: ${was}`);
      else if (!isStrict(is) && !expected.reasons[name]) {
        lines.push(`${ingress} ${name}: ${is} has no reason in expected.json`);
      }
    }
  }
  return lines;
}

/** @param {Verdict} verdict */
function isStrict(verdict) {
  return verdict.startsWith('OK, OK, ');
}

/** @param {Record<string, Record<string, Verdict>>} verdicts */
function printTable(verdicts) {
  /** @type {Record<string, Record<string, number>>} */
  const table = {};
  for (const ingress of ingresses) {
    for (const [name, verdict] of Object.entries(verdicts[ingress])) {
      const row = (table[`${ingress}, group ${name.split('.')[0]}`] ??= {});
      const [behavior] = verdict.split(',');
      row[behavior] = (row[behavior] ?? 0) + 1;
    }
  }
  console.table(table);
}

/** @returns {Expected} */
function readExpected() {
  return JSON.parse(fs.readFileSync(EXPECTED, 'utf8'));
}

/** @param {Record<string, Verdict>} verdicts by case */
function writeExpected(verdicts) {
  const { reasons } = readExpected();
  fs.writeFileSync(EXPECTED, `${JSON.stringify({ reasons, verdicts }, null, 2)}\n`);
}

/**
 * @param {string} a
 * @param {string} b
 */
function byNumber(a, b) {
  return a.localeCompare(b, 'en', { numeric: true });
}

main().catch((error) => {
  console.error(error.message);
  process.exit(1);
});
