'use strict';

/**
 * @file `npm run soak -- workers`: worker threads with services start, and end with open connections. The main
 * thread has a permanent service too, and adds and removes others.
 */

const path = require('node:path');
const v8 = require('node:v8');
const vm = require('node:vm');
const { Worker } = require('node:worker_threads');

const { Client } = require('../support/client');
const { Random } = require('../support/random');
const { within } = require('../support/wait');
const { numbers } = require('./lib/command');
const { close, serveBothIngresses } = require('./lib/ingresses');
const { countLeft, useServices } = require('./lib/temporary-services');
const { descriptors, growth, mebibytes, sample } = require('./lib/sample');
const { TRANSPORTS, drop, echo, openEcho } = require('./lib/echo-client');

const TIMEOUT_MS = 15_000;
const WAYS = ['terminate', 'exit', 'stop'];

/** @param {string[]} args */
async function workers(args) {
  const { times, seed } = numbers(args, { times: 100, seed: 1 });
  v8.setFlagsFromString('--expose-gc');
  globalThis.gc = vm.runInNewContext('gc');
  const random = new Random(seed);
  const violations = [];

  const sockjs = require('../..');
  const { servers, ports } = await serveBothIngresses(
    (req, res) => res.end(),
    (server) => {
      const service = sockjs.createServer({ prefix: '/s', log: null });
      service.on('connection', (conn) => conn.on('data', (message) => conn.write(message)));
      service.installHandlers(server);
    },
  );
  const own = new Client(ports.takeover);
  const bridged = new Client(ports.bridge);
  const residents = [
    await openEcho(own, 'websocket', 'resident'),
    await openEcho(bridged, 'websocket', 'resident'),
  ];

  const samples = [];
  for (let time = 0; time < times && violations.length === 0; time++) {
    const way = WAYS[time % WAYS.length];
    try {
      await cycle(way, random);
      await useServices(sockjs);
      for (const resident of residents) await echo(resident, `after ${time}`);
    } catch (error) {
      violations.push(`worker ${time}, ${way}: ${error.stack}`);
    }
    if (time % Math.ceil(times / 10) !== 0) continue;
    const now = await sampleWhenIdle(samples[1]);
    samples.push(now);
    console.log(
      `${time + 1} workers | rss ${mebibytes(now.rss)} data ${mebibytes(now.data)}`,
      `heap ${mebibytes(now.heapUsed)} MiB descriptors ${now.descriptors} threads ${now.threads}`,
      `services and connections left ${now.left}`,
    );
    // The first worker loads code that stays in the process, so the second sample is the reference.
    const first = samples[1] ?? now;
    for (const name of ['descriptors', 'threads', 'left']) {
      if (now[name] <= first[name]) continue;
      console.log(descriptors(process.pid));
      violations.push(`${name}: ${first[name]} → ${now[name]}`);
    }
  }
  for (const { name, before, after, grows } of growth(samples)) {
    console.log(
      `${name}: ${mebibytes(before)} → ${mebibytes(after)} MiB, ${grows ? 'GROWS' : 'flat'}`,
    );
    if (grows) violations.push(`${name} grows`);
  }
  own.disconnect();
  bridged.disconnect();
  close(servers);
  for (const violation of violations) console.log('VIOLATION', violation);
  console.log(violations.length === 0 ? 'no violation' : `${violations.length} VIOLATIONS`);
  return violations.length === 0;
}

/** Starts a worker with a session of each transport and ingress, and ends it while they exchange messages. */
async function cycle(way, random) {
  const env = { ...process.env, ECHO_END: way === 'exit' ? 'write' : '', ECHO_DISCONNECT: '1500' };
  const worker = new Worker(path.join(__dirname, 'echo.js'), { env, stdout: false });
  const exited = new Promise((resolve, reject) => {
    worker.once('exit', resolve);
    worker.once('error', reject);
  });
  const { ports } = await new Promise((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
  });
  const clients = [new Client(ports.takeover), new Client(ports.bridge)];
  const links = [];
  for (const client of clients) {
    for (const transport of TRANSPORTS) {
      const link = await openEcho(client, transport, `${transport}-1`);
      await echo(link, 'hello');
      links.push(link);
    }
  }
  const exchanges = links.map(async (link) => {
    for (let count = 0; ; count++) await echo(link, `message ${count}`);
  });
  for (const exchange of exchanges) exchange.catch(() => {});
  await new Promise((resolve) => setTimeout(resolve, random.int(0, 30)));
  let expected = 0;
  if (way === 'terminate') {
    expected = 1;
    await within(worker.terminate(), TIMEOUT_MS, 'terminating the worker');
  } else if (way === 'exit') {
    expected = 7;
    worker.postMessage({ order: 'end' });
  } else {
    // When its servers have closed and its clients have disconnected, the worker ends by itself.
    worker.postMessage({ order: 'stop' });
    for (const link of links) drop(link);
  }
  const code = await within(exited, TIMEOUT_MS, 'the end of the worker');
  if (code !== expected) throw new Error(`the worker ended with ${code}`);
  const ends = Promise.all(exchanges.map((exchange) => exchange.then(null, () => {})));
  for (const client of clients) if (way === 'stop') client.disconnect();
  await within(ends, TIMEOUT_MS, 'notifying the clients of the worker');
  for (const client of clients) client.disconnect();
}

/**
 * Measures the process when descriptors, threads and objects are not more than in the first sample, at the
 * latest after TIMEOUT_MS.
 */
async function sampleWhenIdle(first) {
  const until = Date.now() + TIMEOUT_MS;
  for (;;) {
    const left = await countLeft();
    const { heapUsed, external } = process.memoryUsage();
    const now = { ...sample(process.pid), heapUsed, external, left };
    const flat = (name) => now[name] <= first[name];
    const isIdle = !first || ['descriptors', 'threads', 'left'].every(flat);
    if (isIdle || Date.now() > until) return now;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

module.exports = { workers };
