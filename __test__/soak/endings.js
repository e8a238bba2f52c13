'use strict';

/**
 * @file `npm run soak -- endings`: processes that end in the middle of everything, in every way there is. Each
 * has to end at once, with its code, and without a word.
 */

const { setTimeout: delay } = require('node:timers/promises');

const { Client } = require('../support/client');
const { Random } = require('../support/random');
const { within } = require('../support/wait');
const { numbers, start } = require('./lib/command');
const { TRANSPORTS, echo, openEcho } = require('./lib/talk');

/** Milliseconds in which a process has to be gone. */
const TIMEOUT_MS = 10_000;

/**
 * What ends a process (ECHO_END of `echo.js`), how it is brought about, and with what it has to end.
 *
 * @type {{ end: string, order?: string, signal?: string, message?: string, knock?: boolean, status: { code: number | null, signal: string | null }, says?: RegExp }[]}
 */
const ENDINGS = [
  { end: 'timer', order: 'end', status: { code: 7, signal: null } },
  { end: 'write', order: 'end', status: { code: 7, signal: null } },
  { end: 'listener', message: 'end', status: { code: 7, signal: null } },
  { end: 'connection', order: 'end', knock: true, status: { code: 7, signal: null } },
  { end: 'close', order: 'end', knock: true, status: { code: 7, signal: null } },
  { end: 'signal', signal: 'SIGTERM', status: { code: null, signal: 'SIGTERM' } },
  { end: 'handled signal', signal: 'SIGTERM', status: { code: 7, signal: null } },
  { end: 'shutdown', signal: 'SIGTERM', status: { code: 0, signal: null } },
  {
    end: 'exception',
    message: 'end',
    status: { code: 1, signal: null },
    says: /^[^]*Error: nobody catches this\n[^]*Node\.js v[\d.]+\s*$/,
  },
];

/** @param {string[]} args */
async function endings(args) {
  const { times, seed } = numbers(args, { times: 180, seed: 1 });
  const random = new Random(seed);
  const violations = [];
  /** Milliseconds from the order to the end. */
  const delays = {};
  for (let time = 0; time < times; time++) {
    const ending = ENDINGS[time % ENDINGS.length];
    try {
      const took = await end(ending, random);
      (delays[ending.end] ??= []).push(took);
    } catch (error) {
      violations.push(`${time}, ${ending.end}: ${error.stack}`);
      if (violations.length > 5) break;
    }
  }
  for (const [name, list] of Object.entries(delays)) {
    console.log(`${name}: ${list.length} times, ended within ${Math.max(...list)} ms`);
  }
  for (const violation of violations) console.log('VIOLATION', violation);
  console.log(violations.length === 0 ? 'no violation' : `${violations.length} VIOLATIONS`);
  return violations.length === 0;
}

/** @returns {Promise<number>} milliseconds that it took */
async function end({ end: name, order, signal, message, knock, status, says }, random) {
  const env = { ECHO_END: name, ECHO_DISCONNECT: 1500, ECHO_HEARTBEAT: 20 };
  const server = start('echo.js', env);
  const ports = await server.ask('ports');
  const clients = [new Client(ports.takeover), new Client(ports.bridge)];
  const state = { ending: false };
  const failures = [];
  const opening = [];
  for (const client of clients) {
    for (const transport of TRANSPORTS) {
      for (const copy of [1, 2, 3]) {
        opening.push(openEcho(client, transport, `${transport}-${copy}`));
      }
    }
  }
  const links = await Promise.all(opening);
  // Another one gives the order: its bytes must not come between those of a message.
  const last = await openEcho(random.pick(clients), 'websocket', 'last');
  const talks = links.map(async (link) => {
    try {
      for (let count = 0; !state.ending; count++) await echo(link, `message ${count}`);
    } catch (error) {
      if (!state.ending) failures.push(error);
    }
  });
  await delay(random.int(0, 120));
  state.ending = true;
  const begun = Date.now();
  if (order) server.send({ order });
  if (signal) process.kill(server.pid, signal);
  if (message) await last.send([message]);
  if (knock) {
    // Somebody comes, and somebody goes.
    openEcho(random.pick(clients), 'websocket', 'late').catch(() => {});
    random.pick(links).socket.resetAndDestroy();
  }
  if (name === 'shutdown') {
    // It waits for its clients, who are told and go.
    await within(Promise.all(talks), TIMEOUT_MS, 'its clients are not told');
    for (const client of clients) client.disconnect();
  }
  const exit = await server.exit(TIMEOUT_MS);
  const took = Date.now() - begun;
  for (const client of clients) client.disconnect();
  await within(Promise.all(talks), TIMEOUT_MS, 'its clients are not told');
  if (failures.length > 0) throw failures[0];
  if (exit.code !== status.code || exit.signal !== status.signal) {
    throw new Error(`it ended with ${JSON.stringify(exit)}: ${server.errors}`);
  }
  const silent = says ? says.test(server.errors) : server.errors === '';
  if (!silent) throw new Error(`it said ${server.errors}`);
  return took;
}

module.exports = { endings };
