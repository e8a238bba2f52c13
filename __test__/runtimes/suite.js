'use strict';

/*
 * What works on Bun and Deno. The server is a process of the runtime, the clients are in this process of Node.
 * RUNTIME is the program and its arguments, as JSON. `scripts/test-runtimes.js` runs this file.
 */

const assert = require('node:assert/strict');
const path = require('node:path');
const { test } = require('node:test');

const { Child } = require('../support/child');
const { Client } = require('../support/client');

const [program, ...args] = JSON.parse(process.env.RUNTIME);

/** A server in a process of the runtime, and its clients. */
class Server extends Client {
  /** @param {import('node:test').TestContext} t */
  static async start(t) {
    const file = path.join(__dirname, 'server.cjs');
    const child = new Child(file, { t, program, execArgv: args });
    const [, port] = await child.line(/^port (\d+)$/);
    const server = new Server(Number(port));
    server.child = child;
    t.after(() => server.disconnect());
    return server;
  }

  /** @param {RegExp} pattern */
  line(pattern) {
    return this.child.line(pattern);
  }

  /** @param {RegExp} pattern */
  count(pattern) {
    return this.child.lines.filter((line) => pattern.test(line)).length;
  }

  /** @returns {Promise<number | null>} the exit code of the process */
  async exitCode() {
    return (await this.child.exit()).code;
  }
}

/** A test with a server of its own. */
const check = (title, fn) =>
  test(title, { timeout: 60_000 }, async (context) => fn(await Server.start(context)));

const H2C = 'Host: localhost\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n';

check('a websocket echoes and closes', async (server) => {
  const ws = await server.websocket('/s/0/0/websocket');
  assert.equal(await ws.message(), 'o');
  await server.line(/^connection websocket 127\.0\.0\.1 \/s\/0\/0\/websocket$/);
  ws.send('["x","ünï"]');
  assert.equal(await ws.message(), 'a["x"]');
  assert.equal(await ws.message(), 'a["ünï"]');
  ws.send('["close"]');
  assert.equal(await ws.message(), 'c[4001,"enough"]');
  ws.abort();
  await server.line(/^close websocket /);
});

check('a raw websocket echoes and ends', async (server) => {
  const ws = await server.websocket('/s/websocket');
  ws.send('x');
  assert.equal(await ws.message(), 'x');
  const large = 'y'.repeat(300_000);
  ws.send(large);
  assert.equal(await ws.message(), large);
  ws.abort();
  await server.line(/^close websocket-raw /);
});

for (const [name, method, opened] of [
  ['xhr_streaming', 'POST', 'o\n'],
  ['eventsource', 'GET', 'data: o\r\n\r\n'],
  ['htmlfile?c=x', 'GET', 'p("o");\n</script>\r\n'],
]) {
  check(`${name} streams messages, and ends when its client disconnects`, async (server) => {
    const session = server.session('/s');
    const stream = await server.open(method, `${session}/${name}`);
    await stream.until(opened);
    for (const message of ['one', 'two']) {
      const { status } = await server.post(`${session}/xhr_send`, `["${message}"]`);
      assert.equal(status, 204);
      await stream.until(message);
    }
    stream.abort();
    await server.line(/^close /);
  });
}

check('polls wait for messages', async (server) => {
  const session = server.session('/s');
  const poll = await server.poll(`${session}/xhr`);
  assert.equal((await server.post(`${session}/xhr_send`, '["x"]')).status, 204);
  assert.equal(await (await poll.response()).rest(), 'a["x"]\n');
  poll.send('POST', `${session}/xhr`);
  await server.post(`${session}/xhr_send`, '["close"]');
  assert.equal(await (await poll.response()).rest(), 'c[4001,"enough"]\n');
  await server.line(/^close xhr-polling /);
});

check('jsonp receives and sends', async (server) => {
  const session = server.session('/s');
  assert.match((await server.get(`${session}/jsonp?c=x`)).body, /x\("o"\)/);
  const headers = { 'Content-Type': 'application/x-www-form-urlencoded' };
  assert.equal((await server.post(`${session}/jsonp_send`, 'd=["y"]', headers)).body, 'ok');
  assert.match((await server.get(`${session}/jsonp?c=x`)).body, /x\("a\[\\"y\\"\]"\)/);
});

check('other routes of SockJS, and the application, are answered', async (server) => {
  assert.equal(JSON.parse((await server.get('/s/info')).body).websocket, true);
  assert.equal((await server.get('/s/')).body, 'Welcome to SockJS!\n');
  assert.equal((await server.get('/s/iframe.html')).status, 200);
  assert.equal((await server.get('/s/nothing')).status, 404);
  assert.equal((await server.post('/app', 'body')).body, 'POST /app body');
});

for (const [way, split] of [
  ['in one segment', (head, body) => [head + body]],
  ['after its head', (head, body) => [head, body]],
]) {
  check(`an upgrade request with a body ${way} is answered`, async (server) => {
    const session = server.session('/s');
    const stream = await server.open('POST', `${session}/xhr_streaming`);
    await stream.until('o\n');
    const connection = server.connect();
    const head = `POST ${session}/xhr_send HTTP/1.1\r\n${H2C}Content-Length: 5\r\n\r\n`;
    for (const piece of split(head, '["a"]')) {
      connection.wire.write(piece);
      await server.get('/s/');
    }
    assert.match(await connection.end(), /^HTTP\/1\.1 204 /);
    assert.equal(await stream.line(), 'a["a"]\n');
  });
}

check(
  'an upgrade request with a body that the application passes on is answered',
  async (server) => {
    const connection = server.connect();
    const target = `${server.session('/late')}/xhr_send`;
    connection.wire.write(`POST ${target} HTTP/1.1\r\n${H2C}Content-Length: 5\r\n\r\n["a"]`);
    assert.match(await connection.end(), /^HTTP\/1\.1 404 /);
  },
);

check(
  'clients that disconnect before the handler is called leave nothing behind',
  async (server) => {
    await server.get('/late/');
    for (const leave of ['destroy', 'resetAndDestroy']) {
      const websocket = await server.handshake('/late/websocket');
      const stream = server.connect();
      stream.send('POST', `${server.session('/late')}/xhr_streaming`);
      await server.get('/app');
      for (const { wire } of [websocket, stream]) wire.socket[leave]();
    }
    await server.get('/late/');
    await server.get('/close');
    server.disconnect();
    await server.line(/^server closed$/);
    assert.equal(server.count(/^connection /), server.count(/^close /));
  },
);

check('the http server waits for open connections when it closes', async (server) => {
  const ws = await server.websocket('/s/0/0/websocket');
  assert.equal(await ws.message(), 'o');
  await server.request('GET', '/close', { headers: { Connection: 'close' } });
  ws.send('["still open"]');
  assert.equal(await ws.message(), 'a["still open"]');
  assert.equal(server.count(/^server closed$/), 0);
  ws.abort();
  await server.line(/^server closed$/);
  assert.equal(await server.exitCode(), 0);
});

for (const [how, code] of [
  ['exit', 3],
  ['throw', 1],
]) {
  check(`messages written before the process ends (${how}) are sent`, async (server) => {
    const ws = await server.websocket('/s/0/0/websocket');
    assert.equal(await ws.message(), 'o');
    ws.send(`["${how}"]`);
    assert.equal(await ws.message(), 'a["bye"]');
    assert.equal(await ws.message(), 'c[4001,"restart"]');
    await ws.end();
    assert.equal(await server.exitCode(), code);
  });
}
