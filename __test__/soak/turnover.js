'use strict';

/**
 * @file `npm run soak -- turnover`: many short connections, with and without messages, that end in different ways.
 * The server is measured ten times, when all connections so far have ended.
 */

const { Client } = require('../support/client');
const { Random } = require('../support/random');
const { sampleWhenIdle } = require('./crowd');
const { within } = require('../support/wait');
const { numbers, start } = require('./lib/command');
const { cpuSeconds, growth, mebibytes, sample } = require('./lib/sample');
const { TRANSPORTS, drop, echo, openEcho } = require('./lib/echo-client');

const ROUNDS = 10;
/** Milliseconds for which the session of an answered poll stays open. */
const DISCONNECT = 3000;
const TIMEOUT_MS = 30_000;

/** @param {string[]} args */
async function turnover(args) {
  const options = numbers(args, { connections: 200_000, seed: 1, 'at-once': 48 });
  const { connections, seed, 'at-once': atOnce } = options;
  const random = new Random(seed);
  const violations = [];
  const server = start('echo.js', { ECHO_DISCONNECT: DISCONNECT }, { execArgv: ['--expose-gc'] });
  const ports = await server.ask('ports');
  const clients = [ports.takeover, ports.bridge].map((port) => new Client(port));
  const done = { opened: 0 };

  /** Opens one connection, or two for a message over HTTP. */
  const once = async (number) => {
    const client = clients[number % 2];
    const transport = random.pick(TRANSPORTS);
    const ways = ['echo', 'echo', 'drop', 'reset', 'half-close', 'request'];
    const way = random.pick(ways);
    done.opened++;
    if (way === 'request') return void (await client.get('/s/info'));
    const link = await openEcho(client, transport, `t${number}`);
    if (way === 'echo') await echo(link, `message ${number}`);
    if (link.sender) done.opened++;
    link.sender?.abort();
    const { socket } = link;
    // The connection of an answered poll may have ended already.
    if (socket.destroyed) return;
    const closed = new Promise((resolve) => socket.once('close', resolve));
    if (way === 'reset') socket.resetAndDestroy();
    else if (way === 'half-close') socket.end();
    else drop(link);
    await within(closed, TIMEOUT_MS, `the end of a connection of ${transport} (${way})`);
  };

  const seconds = [];
  const samples = [];
  let first;
  for (let round = 0; round < ROUNDS; round++) {
    const begun = Date.now();
    const cpu = cpuSeconds(server.pid);
    const goal = Math.ceil(((round + 1) * connections) / ROUNDS);
    let number = round * connections;
    const work = async () => {
      while (done.opened < goal && violations.length < 10) {
        const mine = number++;
        await once(mine).catch((error) => violations.push(`connection ${mine}: ${error.stack}`));
      }
    };
    await Promise.all(Array.from({ length: atOnce }, work));
    const used = cpuSeconds(server.pid) - cpu;
    seconds.push((Date.now() - begun) / 1000);
    const now = await sampleWhenIdle(server, first ?? { descriptors: Infinity, threads: Infinity });
    first ??= now;
    samples.push(now);
    console.log(
      `${done.opened} connections, ${Math.round(connections / ROUNDS / seconds.at(-1))}/s | rss`,
      `${mebibytes(now.rss)} data ${mebibytes(now.data)} heap ${mebibytes(now.heapUsed)} MiB`,
      `descriptors ${now.descriptors} threads ${now.threads} sessions left ${now.alive}`,
      `cpu ${((used * 1e6) / (connections / ROUNDS)).toFixed(0)} µs a connection`,
    );
    for (const name of ['descriptors', 'threads']) {
      if (now[name] > first[name]) violations.push(`${name}: ${first[name]} → ${now[name]}`);
    }
    if (now.alive > 0) violations.push(`${now.alive} sessions are left`);
    if (violations.length > 0) break;
  }
  for (const { name, before, after, grows } of growth(samples)) {
    console.log(
      `${name}: ${mebibytes(before)} → ${mebibytes(after)} MiB, ${grows ? 'GROWS' : 'flat'}`,
    );
    if (grows) violations.push(`${name} grows`);
  }
  for (const client of clients) client.disconnect();
  console.log('server:', sample(server.pid));
  server.send({ order: 'stop' });
  const exit = await server.exit(TIMEOUT_MS);
  if (exit.code !== 0 || server.errors !== '') violations.push({ exit, errors: server.errors });
  for (const violation of violations.slice(0, 10)) console.log('VIOLATION', violation);
  console.log(violations.length === 0 ? 'no violation' : `${violations.length} VIOLATIONS`);
  return violations.length === 0;
}

module.exports = { turnover };
