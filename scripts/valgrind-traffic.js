'use strict';

/**
 * The program that `npm run test:valgrind` runs in Node: a service serves some clients of each transport and is
 * dropped; a second service does the same, and the process ends in the middle.
 */

const assert = require('node:assert');
const http = require('node:http');
const v8 = require('node:v8');
const vm = require('node:vm');
const WebSocket = require('ws');

const sockjs = require('..');

const WEBSOCKETS = 4;
const MESSAGES = 20;
const POLLERS = 5;
/** Milliseconds after which an object that is still there counts as leaked. */
const TIMEOUT_MS = 60_000;

v8.setFlagsFromString('--expose-gc');
const gc = vm.runInNewContext('gc');

/** @param {number} delay milliseconds after which a session without a client ends */
async function serve(delay) {
  const server = http.createServer();
  const echo = sockjs.createServer({ prefix: '/s', log: null, disconnect_delay: delay });
  echo.on('connection', (conn) => conn.on('data', (message) => conn.write(message)));
  echo.installHandlers(server);
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

/**
 * Runs one websocket client whose messages become longer.
 *
 * @param {number} port
 * @returns {Promise<number>} the number of messages that came back
 */
function websocket(port) {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/s/0/0/websocket`);
    let count = 0;
    socket.on('message', (frame) => {
      if (String(frame) !== 'o') count++;
      if (count === MESSAGES) socket.close();
      else socket.send(JSON.stringify(['ä😀'.repeat(count * 300)]));
    });
    socket.on('close', () => resolve(count));
    socket.on('error', reject);
  });
}

/**
 * @param {number} port
 * @param {string} path
 * @param {string} [body]
 * @returns {Promise<string>} the body of the answer
 */
function post(port, path, body) {
  return new Promise((resolve, reject) => {
    const headers = { 'Content-Type': 'text/plain' };
    const request = http.request({ port, method: 'POST', path, headers }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk) => (text += chunk));
      response.on('end', () => resolve(text));
    });
    request.on('error', reject);
    request.end(body);
  });
}

/** @param {http.Server} server */
async function play(server) {
  const { port } = server.address();
  const counts = await Promise.all(Array.from({ length: WEBSOCKETS }, () => websocket(port)));
  assert.deepStrictEqual(counts, Array(WEBSOCKETS).fill(MESSAGES));
  for (let index = 0; index < POLLERS; index++) {
    const session = `/s/0/p${index}`;
    assert.strictEqual(await post(port, `${session}/xhr`), 'o\n');
    await post(port, `${session}/xhr_send`, '["a"]');
    assert.strictEqual(await post(port, `${session}/xhr`), 'a["a"]\n');
  }
  console.log(`${WEBSOCKETS * MESSAGES} messages, ${POLLERS} pollers`);
}

/**
 * Serves clients and closes the server, so that it becomes garbage.
 *
 * @returns {Promise<WeakRef<http.Server>>}
 */
async function playAndClose() {
  const server = await serve(5000);
  const gone = new WeakRef(server);
  await play(server);
  await new Promise((resolve) => {
    server.close(resolve);
    http.globalAgent.destroy();
  });
  return gone;
}

async function main() {
  const gone = await playAndClose();
  const start = Date.now();
  while (gone.deref() && Date.now() - start < TIMEOUT_MS) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    // In a task of its own, because V8 would otherwise scan this stack, which has uninitialised values.
    await gc({ type: 'major', execution: 'async' });
  }
  assert.strictEqual(gone.deref(), undefined);
  await play(await serve(20_000));
  // The sessions of the pollers still wait for a client, so that the environment ends with open sessions.
  process.exit();
}

main();
