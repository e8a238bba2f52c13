'use strict';

/**
 * @file For all tests of dependents: an echo service, clients and processes that end with their test,
 * and a complete conversation over each transport. SOCKJS_ORACLE=1 runs the tests on sockjs 0.3.24.
 */

const assert = require('node:assert');
const crypto = require('node:crypto');
const path = require('node:path');

const { Child } = require('../support/child');
const { Client } = require('../support/client');
const {
  ingresses,
  environmentOf,
  isOracle,
  sockjs,
  throughIngress,
} = require('../support/library');
const { LOCAL, listen } = require('../support/server');

/** The major version of this Node. */
const NODE = Number(process.versions.node.split('.')[0]);

/** Milliseconds that the sessions of these tests live without a receiver. */
const DISCONNECT_DELAY = 1500;

/**
 * @param {object} [options]
 * @returns {object} a service under '/echo' that echoes every message
 */
function echoService(options) {
  const service = sockjs.createServer({
    prefix: '/echo',
    log() {},
    disconnect_delay: DISCONNECT_DELAY,
    ...options,
  });
  service.on('connection', (conn) => conn.on('data', (message) => conn.write(message)));
  return service;
}

/**
 * A client of a server that listens already; the framework has called `listen`.
 *
 * @param {import('node:test').TestContext} t
 * @param {import('node:http').Server} httpServer
 * @param {() => unknown} stop ends the server
 * @returns {Client}
 */
function clientOf(t, httpServer, stop) {
  const client = new Client(httpServer.address().port);
  t.after(async () => {
    client.disconnect();
    if (httpServer.listening) await stop();
  });
  return client;
}

/** Messages to echo: with quotes, escapes, and characters beyond ASCII. */
const MESSAGES = ['hello', '"\\ \u2028 ä€', 'x'.repeat(3000)];

/**
 * The frame with which the server sends a text. It escapes only the characters of `MESSAGES` correctly.
 *
 * @param {string} text
 */
const frame = (text) => `a[${JSON.stringify(text).replaceAll('\u2028', '\\u2028')}]`;

/** Method and route of the streaming transports, and how a frame looks in their bodies. */
const STREAMS = {
  'xhr-streaming': ['POST', 'xhr_streaming', (text) => `${text}\n`],
  eventsource: ['GET', 'eventsource', (text) => `data: ${text}\r\n\r\n`],
  htmlfile: ['GET', 'htmlfile?c=f', (text) => `p(${JSON.stringify(text)});\n</script>\r\n`],
};

/**
 * A complete conversation with an echo service over each transport: open, echo, end.
 *
 * @type {Record<string, (client: Client, prefix: string) => Promise<void>>}
 */
const converse = {
  async websocket(client, prefix) {
    const ws = await client.websocket(`${client.session(prefix)}/websocket`);
    assert.strictEqual(await ws.message(), 'o');
    for (const text of MESSAGES) {
      ws.send(JSON.stringify([text]));
      assert.strictEqual(await ws.message(), frame(text));
    }
    ws.sendClose(1000);
    assert.strictEqual((await ws.closeFrame())[0], 1000);
    await ws.end();
  },

  async 'websocket-raw'(client, prefix) {
    const ws = await client.websocket(`${prefix}/websocket`);
    for (const text of MESSAGES) {
      ws.send(text);
      assert.strictEqual(await ws.message(), text);
    }
    ws.sendClose(1000);
    assert.strictEqual((await ws.closeFrame())[0], 1000);
    await ws.end();
  },

  async 'xhr-polling'(client, prefix) {
    const session = client.session(prefix);
    const connection = client.connect();
    assert.strictEqual((await connection.request('POST', `${session}/xhr`)).body, 'o\n');
    for (const text of MESSAGES) {
      connection.send('POST', `${session}/xhr`);
      await send(client, session, text);
      assert.strictEqual(await (await connection.response()).rest(), `${frame(text)}\n`);
    }
    connection.abort();
  },

  async 'jsonp-polling'(client, prefix) {
    const session = client.session(prefix);
    const connection = client.connect();
    const target = `${session}/jsonp?c=f`;
    const script = (text) => `/**/f(${JSON.stringify(text)});\r\n`;
    assert.strictEqual((await connection.request('GET', target)).body, script('o'));
    for (const text of MESSAGES) {
      connection.send('GET', target);
      const sent = await client.post(
        `${session}/jsonp_send`,
        `d=${encodeURIComponent(JSON.stringify([text]))}`,
        { 'Content-Type': 'application/x-www-form-urlencoded' },
      );
      assert.deepStrictEqual([sent.status, sent.body], [200, 'ok']);
      assert.strictEqual(await (await connection.response()).rest(), script(frame(text)));
    }
    connection.abort();
  },
};

for (const [transport, [method, route, wrap]] of Object.entries(STREAMS)) {
  converse[transport] = async (client, prefix) => {
    const session = client.session(prefix);
    const stream = await client.open(method, `${session}/${route}`);
    assert.strictEqual(stream.status, 200);
    await stream.until(wrap('o'));
    for (const text of MESSAGES) {
      await send(client, session, text);
      assert.ok((await stream.until(wrap(frame(text)))).endsWith(wrap(frame(text))));
    }
    stream.abort();
  };
}

/**
 * @param {Client} client
 * @param {string} session
 * @param {string} text
 */
async function send(client, session, text) {
  const { status } = await client.post(`${session}/xhr_send`, JSON.stringify([text]));
  assert.strictEqual(status, 204);
}

/**
 * @param {import('node:http').Server} httpServer
 * @returns {Promise<number>} the number of open connections, as the server counts them
 */
function countConnections(httpServer) {
  return new Promise((resolve, reject) =>
    httpServer.getConnections((error, count) => (error ? reject(error) : resolve(count))),
  );
}

/** @param {string | Buffer} bytes */
const sha256 = (bytes) => crypto.createHash('sha256').update(bytes).digest('hex');

/**
 * @param {AsyncIterable<Buffer>} stream
 * @returns {Promise<Buffer>} all its bytes
 */
async function collect(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/**
 * Runs a script of `fixtures/` on the library under test.
 *
 * @param {import('node:test').TestContext} t
 * @param {string} name
 * @param {string} ingress
 * @param {NodeJS.ProcessEnv} [env]
 */
function startFixture(t, name, ingress, env) {
  const file = path.join(__dirname, 'fixtures', name);
  return new Child(file, { t, env: { ...environmentOf(ingress), ...env } });
}

module.exports = {
  LOCAL,
  NODE,
  clientOf,
  collect,
  converse,
  countConnections,
  ingresses,
  echoService,
  isOracle,
  listen,
  sha256,
  sockjs,
  startFixture,
  throughIngress,
};
