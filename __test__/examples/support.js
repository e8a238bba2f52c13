'use strict';

/** @file For all tests of the examples: programs and clients that end with their test. */

const assert = require('node:assert/strict');
const path = require('node:path');
const SockJS = require('sockjs-client');

const { ROOT } = require('../../scripts/ready');
const { Child } = require('../support/child');

/** The transports that sockjs-client has in Node. */
const TRANSPORTS = ['websocket', 'xhr-streaming', 'eventsource', 'xhr-polling'];

/** Milliseconds that a client may take to connect. The default is too short on a busy machine. */
const TIMEOUT_MS = 20000;

/** Milliseconds after which a test fails. */
const timeout = 45000;

/**
 * Runs a program in the root of the repository. It ends with its test.
 *
 * @param {import('node:test').TestContext} t
 * @param {string} program
 * @param {string[]} args
 * @param {NodeJS.ProcessEnv} [env] in addition to this process's
 */
const run = (t, program, args, env) => new Child(undefined, { t, program, args, env, cwd: ROOT });

/**
 * Starts a server of `examples/` on a free port.
 *
 * @param {import('node:test').TestContext} t
 * @param {string} name its folder
 * @param {NodeJS.ProcessEnv} [env]
 * @returns {Promise<{program: Child, url: string, port: number}>} `url` as the server prints it
 */
async function startExample(t, name, env) {
  const file = path.join('examples', name, 'server.js');
  const program = run(t, process.execPath, [file], { PORT: '0', ...env });
  const [, url] = await program.line(/^Listening: (\S+)$/);
  return { program, url, port: Number(new URL(url).port) };
}

/**
 * Connects a client, which disconnects at the end of its test.
 *
 * @param {import('node:test').TestContext} t
 * @param {string} url
 * @param {string} transport
 * @param {object} [options] of sockjs-client
 * @returns {Promise<SockJS>}
 */
async function connect(t, url, transport, options) {
  const socket = new SockJS(url, null, { transports: transport, timeout: TIMEOUT_MS, ...options });
  await new Promise((resolve, reject) => {
    socket.onopen = resolve;
    socket.onclose = ({ code, reason }) => reject(new Error(`${url}: closed, ${code} ${reason}`));
  });
  assert.equal(socket.transport, transport);
  t.after(() => socket.close());
  return socket;
}

/**
 * Sends messages one by one, each after the answer to the previous one.
 *
 * @param {SockJS} socket
 * @param {string[]} messages
 * @returns {Promise<string[]>} the answers
 */
async function ask(socket, messages) {
  const answers = [];
  for (const message of messages) {
    const answer = new Promise((resolve, reject) => {
      socket.onmessage = ({ data }) => resolve(data);
      socket.onclose = ({ code, reason }) => reject(new Error(`closed: ${code} ${reason}`));
    });
    socket.send(message);
    answers.push(await answer);
  }
  return answers;
}

module.exports = { ROOT, TRANSPORTS, ask, connect, run, startExample, timeout };
