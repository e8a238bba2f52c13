'use strict';

/**
 * @file `npm run soak -- endings`: processes that end in different ways while clients send messages. Each must
 * end in time, with the expected code and output.
 */

const { setTimeout: delay } = require('node:timers/promises');

const { Client } = require('../support/client');
const { Random } = require('../support/random');
const { within } = require('../support/wait');
const { numbers, start } = require('./lib/command');
const { TRANSPORTS, echo, openEcho } = require('./lib/echo-client');

/** Milliseconds within which a process must have ended. */
const TIMEOUT_MS = 10_000;

/**
 * ECHO_END of `echo.js`; what starts the end: an order, a signal or a message of a client; whether a client must
 * connect and another disconnect then; the expected exit status and stderr, by default none.
 *
 * @type {{ end: string, order?: string, signal?: string, message?: string, changes?: boolean, status: { code: number | null, signal: string | null }, stderr?: RegExp }[]}
 */
const ENDINGS = [
  { end: 'timer', order: 'end', status: { code: 7, signal: null } },
  { end: 'write', order: 'end', status: { code: 7, signal: null } },
  { end: 'listener', message: 'end', status: { code: 7, signal: null } },
  { end: 'connection', order: 'end', changes: true, status: { code: 7, signal: null } },
  { end: 'close', order: 'end', changes: true, status: { code: 7, signal: null } },
  { end: 'signal', signal: 'SIGTERM', status: { code: null, signal: 'SIGTERM' } },
  { end: 'handled signal', signal: 'SIGTERM', status: { code: 7, signal: null } },
  { end: 'shutdown', signal: 'SIGTERM', status: { code: 0, signal: null } },
  {
    end: 'exception',
    message: 'end',
    status: { code: 1, signal: null },
    stderr: /^[^]*Error: an uncaught exception\n[^]*Node\.js v[\d.]+\s*$/,
  },
];

/** @param {string[]} args */
async function endings(args) {
  const { times, seed } = numbers(args, { times: 180, seed: 1 });
  const random = new Random(seed);
  const violations = [];
  /** Milliseconds from the start of the end to the exit, by ECHO_END. */
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

/** @returns {Promise<number>} milliseconds that the end took */
async function end({ end: name, order, signal, message, changes, status, stderr }, random) {
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
  // A client of its own sends the message that ends the process: the others may be within a message.
  const last = await openEcho(random.pick(clients), 'websocket', 'last');
  const exchanges = links.map(async (link) => {
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
  if (changes) {
    openEcho(random.pick(clients), 'websocket', 'late').catch(() => {});
    random.pick(links).socket.resetAndDestroy();
  }
  if (name === 'shutdown') {
    // The process waits for its clients. They are notified, and disconnect.
    await within(Promise.all(exchanges), TIMEOUT_MS, 'notifying the clients');
    for (const client of clients) client.disconnect();
  }
  const exit = await server.exit(TIMEOUT_MS);
  const took = Date.now() - begun;
  for (const client of clients) client.disconnect();
  await within(Promise.all(exchanges), TIMEOUT_MS, 'notifying the clients');
  if (failures.length > 0) throw failures[0];
  if (exit.code !== status.code || exit.signal !== status.signal) {
    throw new Error(`the process ended with ${JSON.stringify(exit)}: ${server.errors}`);
  }
  const isExpected = stderr ? stderr.test(server.errors) : server.errors === '';
  if (!isExpected) throw new Error(`the process printed ${server.errors}`);
  return took;
}

module.exports = { endings };
