'use strict';

/**
 * @file `npm run soak -- crowd`: many idle and active clients at the same time, through each ingress.
 */

const { setTimeout: delay } = require('node:timers/promises');

const { within } = require('../support/wait');
const { numbers, start } = require('./lib/command');
const { cpuSeconds, descriptors, mebibytes, sample } = require('./lib/sample');

/** Clients of one process. Each needs one descriptor, active ones over HTTP two. */
const SHARE = 4000;
const TIMEOUT_MS = 180_000;

/** @param {string[]} args */
async function crowd(args) {
  const options = numbers(args, { idle: 10_000, active: 1000, seconds: 30, heartbeat: 8000 });
  let ok = true;
  for (const ingress of ['takeover', 'bridge']) ok = (await run(ingress, options)) && ok;
  return ok;
}

/** @returns {Promise<boolean>} whether there was no violation */
async function run(ingress, { idle, active, seconds, heartbeat }) {
  const violations = [];
  const echo = { ECHO_HEARTBEAT: heartbeat, ECHO_DISCONNECT: 20_000 };
  const server = start('echo.js', echo, { execArgv: ['--expose-gc'] });
  const ports = await server.ask('ports');
  const shares = Math.ceil((idle + active) / SHARE);
  const clients = Array.from({ length: shares }, (_, index) =>
    start(
      'crowd-clients.js',
      {
        CROWD_PORT: ports[ingress],
        CROWD_PROCESS: index,
        CROWD_IDLE: share(idle, shares, index),
        CROWD_ACTIVE: share(active, shares, index),
        // An idle client without a heartbeat for so long is a violation.
        TEST_TIMEOUT_MS: 4 * heartbeat,
      },
      { onMessage: ({ violation }) => violations.push(violation) },
    ),
  );
  const askAll = (question) =>
    within(Promise.all(clients.map((client) => client.ask(question))), TIMEOUT_MS, question);
  const empty = await server.ask('report');
  const before = { ...sample(server.pid), ...empty };

  let begun = Date.now();
  await askAll('open');
  const opening = (Date.now() - begun) / 1000;
  const full = await server.ask('report');
  const there = { ...sample(server.pid), ...full };

  begun = Date.now();
  const cpu = cpuSeconds(server.pid);
  for (const client of clients) client.send({ order: 'start' });
  await delay(seconds * 1000);
  const results = await askAll('stop');
  const used = (cpuSeconds(server.pid) - cpu) / ((Date.now() - begun) / 1000);
  const delays = results.flatMap(({ delays: some }) => some).sort((a, b) => a - b);
  const heartbeats = results.reduce((sum, result) => sum + result.heartbeats, 0);
  const lost = results.reduce((sum, result) => sum + result.lost, 0);

  const peak = sample(server.pid);
  for (const client of clients) client.send({ order: 'disconnect' });
  const after = await sampleWhenIdle(server, before);

  console.log(`crowd, ${ingress}: ${idle} idle and ${active} active clients, ${seconds} s`);
  console.log(`  open after ${opening.toFixed(1)} s, ${full.opened} sessions, ${lost} lost`);
  console.log(
    `  rss ${mebibytes(before.rss)} → ${mebibytes(there.rss)} MiB idle`,
    `(${Math.round((there.rss - before.rss) / (idle + active))} bytes a client),`,
    `${mebibytes(peak.rss)} active, ${mebibytes(after.rss)} afterwards`,
  );
  console.log(
    `  JavaScript heap ${mebibytes(before.heapUsed)} → ${mebibytes(there.heapUsed)} →`,
    `${mebibytes(after.heapUsed)} MiB; descriptors ${before.descriptors} → ${peak.descriptors} →`,
    `${after.descriptors}; threads ${before.threads} → ${peak.threads} → ${after.threads}`,
  );
  console.log(
    `  ${delays.length} messages echoed, ${Math.round(delays.length / seconds)}/s: median`,
    `${quantile(delays, 0.5)} ms, 99 % within ${quantile(delays, 0.99)} ms;`,
    `${heartbeats} heartbeats; server cpu ${Math.round(used * 100)} %`,
  );
  if (lost > 0) violations.push(`${lost} clients were lost`);
  if (full.opened !== idle + active) violations.push(`${full.opened} sessions were opened`);
  if (delays.length < active) violations.push('not every active client got an answer');
  if (heartbeats === 0 && seconds * 1000 > 2 * heartbeat) violations.push('no heartbeats');
  for (const name of ['descriptors', 'threads']) {
    if (after[name] > before[name]) violations.push(`${name}: ${before[name]} → ${after[name]}`);
  }
  if (after.alive > 0) violations.push(`${after.alive} sessions are left`);
  server.send({ order: 'stop' });
  const exit = await server.exit(TIMEOUT_MS);
  if (exit.code !== 0 || server.errors !== '') violations.push({ exit, errors: server.errors });
  for (const violation of violations.slice(0, 10)) console.log('VIOLATION', violation);
  return violations.length === 0;
}

/**
 * Measures the server when no session is left and descriptors and threads are as before, at the latest
 * after 30 s.
 */
async function sampleWhenIdle(server, before) {
  const until = Date.now() + 30_000;
  for (;;) {
    const report = await server.ask('report');
    const after = { ...sample(server.pid), ...report, alive: report.opened - report.closed };
    const isIdle = after.alive === 0 && after.descriptors <= before.descriptors;
    if (isIdle && after.threads <= before.threads) return after;
    if (Date.now() > until) {
      console.log('descriptors that are left:', descriptors(server.pid));
      return after;
    }
    await delay(200);
  }
}

const share = (all, shares, index) =>
  Math.floor(((index + 1) * all) / shares) - Math.floor((index * all) / shares);
const quantile = (sorted, part) => sorted[Math.floor(part * (sorted.length - 1))];

module.exports = { crowd, sampleWhenIdle };
