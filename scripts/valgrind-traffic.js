'use strict';

/** What `npm run test:valgrind` lets Node do: some of each transport, and then an end in the middle. */

const assert = require('node:assert');
const http = require('node:http');
const WebSocket = require('ws');

const sockjs = require('..');

const WEBSOCKETS = 4;
const MESSAGES = 20;
const POLLERS = 5;

const server = http.createServer();
const echo = sockjs.createServer({ prefix: '/s', log: null, disconnect_delay: 20000 });
echo.on('connection', (conn) => conn.on('data', (message) => conn.write(message)));
echo.installHandlers(server);

/** Plays one websocket whose messages become longer. @returns {Promise<number>} how many came back */
function websocket() {
  return new Promise((resolve, reject) => {
    const { port } = server.address();
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
 * @param {string} path
 * @param {string} [body]
 * @returns {Promise<string>} the body of the answer
 */
function post(path, body) {
  return new Promise((resolve, reject) => {
    const { port } = server.address();
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

async function main() {
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const counts = await Promise.all(Array.from({ length: WEBSOCKETS }, websocket));
  assert.deepStrictEqual(counts, Array(WEBSOCKETS).fill(MESSAGES));
  for (let index = 0; index < POLLERS; index++) {
    const session = `/s/0/p${index}`;
    assert.strictEqual(await post(`${session}/xhr`), 'o\n');
    await post(`${session}/xhr_send`, '["a"]');
    assert.strictEqual(await post(`${session}/xhr`), 'a["a"]\n');
  }
  console.log(`${WEBSOCKETS * MESSAGES} messages, ${POLLERS} pollers`);
  // The sessions of the pollers wait for a client, so the environment ends with something in it.
  process.exit();
}

main();
