'use strict';

/**
 * @file Servers in worker threads. A worker may end at any moment.
 */

const assert = require('node:assert');
const fs = require('node:fs');
const test = require('node:test');

const { Client } = require('../support/client');
const { converse, ingresses, startFixture } = require('./support');

/** Whether descriptors and threads can be counted. */
const hasProc = fs.existsSync('/proc/self/task');

/** A process with a server in each of its threads. */
class Threads {
  /** How many workers have been started. */
  #started = 0;

  /**
   * @param {import('node:test').TestContext} t
   * @param {string} ingress
   */
  constructor(t, ingress) {
    this.t = t;
    this.child = startFixture(t, 'worker-threads.js', ingress);
  }

  /** @returns {Promise<{number: number, client: Client}>} a new worker whose server listens */
  async start() {
    const number = ++this.#started;
    this.child.tell('start');
    return { number, client: await this.client(number) };
  }

  /** @param {number} number of a worker; 0 is the main thread */
  async client(number) {
    const [, port] = await this.child.line(new RegExp(`^worker ${number} port (\\d+)$`));
    const client = new Client(Number(port));
    this.t.after(() => client.disconnect());
    return client;
  }

  /**
   * @param {string} how a command of `fixtures/worker-threads.js`
   * @param {number} number
   * @returns {Promise<number>} the exit code of the worker
   */
  async end(how, number) {
    this.child.tell(`${how} ${number}`);
    const [, code] = await this.child.line(new RegExp(`^worker ${number} ended (\\d+)$`));
    return Number(code);
  }

  /** Closes the main thread's server, and checks that the process exits by itself. */
  async finish() {
    this.child.tell('end');
    assert.deepStrictEqual(await this.child.exit(), { code: 0, signal: null });
    assert.ok(this.child.lines.includes('closed'));
    assert.doesNotMatch(this.child.errors, /Error|panic/);
    assert.ok(!this.child.lines.some((line) => /threw/.test(line)), `${this.child.lines}`);
  }
}

/**
 * Opens sessions, an idle connection and an unfinished request. `ended` waits until the server has
 * ended all of them.
 */
async function occupy(client) {
  const ws = await client.websocket(`${client.session('/echo')}/websocket`);
  assert.strictEqual(await ws.message(), 'o');
  const raw = await client.websocket('/echo/websocket');
  const session = client.session('/echo');
  const streaming = client.connect();
  streaming.send('POST', `${session}/xhr_streaming`);
  await (await streaming.response()).until('o\n');
  const poll = await client.poll(`${client.session('/echo')}/xhr`);
  const sending = client.connect();
  assert.strictEqual((await sending.request('GET', '/echo/')).status, 200);
  sending.wire.write(`POST ${session}/xhr_send HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\n["`);
  const idle = client.connect();
  assert.strictEqual((await idle.request('GET', '/echo/')).status, 200);
  const flooded = await client.websocket(`${client.session('/echo')}/websocket`);
  assert.strictEqual(await flooded.message(), 'o');
  flooded.send('["flood"]');
  const all = [ws, raw, streaming, poll, sending, idle, flooded];
  return { ended: () => Promise.all(all.map((connection) => connection.end())) };
}

for (const ingress of ingresses) {
  test(`each of two workers has a server and sessions of its own, ${ingress}`, async (t) => {
    const threads = new Threads(t, ingress);
    const workers = [await threads.start(), await threads.start()];
    const session = '/echo/000/the-same';
    for (const { client } of workers) {
      assert.strictEqual((await client.post(`${session}/xhr`)).body, 'o\n');
    }
    for (const { client, number } of workers) {
      const sent = await client.post(`${session}/xhr_send`, `["of worker ${number}"]`);
      assert.strictEqual(sent.status, 204);
    }
    for (const { client, number } of workers) {
      const polled = await client.post(`${session}/xhr`);
      assert.strictEqual(polled.body, `a["of worker ${number}"]\n`);
      assert.strictEqual((await client.get('/app')).body, `thread ${number}`);
    }
    await Promise.all(
      workers.map(async ({ client }) => {
        for (const hold of Object.values(converse)) await hold(client, '/echo');
      }),
    );
    for (const { client, number } of workers) {
      client.disconnect();
      assert.strictEqual(await threads.end('stop', number), 0);
    }
    await threads.finish();
  });

  test(`terminate() ends the connections of its worker and no others, ${ingress}`, async (t) => {
    const threads = new Threads(t, ingress);
    const [doomed, other] = [await threads.start(), await threads.start()];
    const main = await threads.client(0);
    const sockets = [];
    for (const client of [main, other.client]) {
      const ws = await client.websocket(`${client.session('/echo')}/websocket`);
      assert.strictEqual(await ws.message(), 'o');
      sockets.push(ws);
    }
    const { ended } = await occupy(doomed.client);
    assert.strictEqual(await threads.end('terminate', doomed.number), 1);
    await ended();
    for (const ws of sockets) {
      ws.send('["still here"]');
      assert.strictEqual(await ws.message(), 'a["still here"]');
    }
    for (const client of [main, other.client]) {
      for (const hold of Object.values(converse)) await hold(client, '/echo');
      client.disconnect();
    }
    assert.strictEqual(await threads.end('stop', other.number), 0);
    await threads.finish();
  });

  test(`process.exit() in a worker ends its connections, ${ingress}`, async (t) => {
    const threads = new Threads(t, ingress);
    const { client, number } = await threads.start();
    const { ended } = await occupy(client);
    assert.strictEqual(await threads.end('exit', number), 7);
    await ended();
    await threads.finish();
  });

  test(`an open session keeps its worker alive, ${ingress}`, async (t) => {
    const threads = new Threads(t, ingress);
    const { client, number } = await threads.start();
    const ws = await client.websocket(`${client.session('/echo')}/websocket`);
    assert.strictEqual(await ws.message(), 'o');
    const ended = threads.end('stop', number);
    for (const text of ['a', 'b', 'c']) {
      ws.send(`["${text}"]`);
      assert.strictEqual(await ws.message(), `a["${text}"]`);
    }
    ws.abort();
    assert.strictEqual(await ended, 0);
    await threads.finish();
  });

  test(`20 workers that end with open connections leave nothing behind, ${ingress}`, async (t) => {
    const threads = new Threads(t, ingress);
    const main = await threads.client(0);
    const ws = await main.websocket(`${main.session('/echo')}/websocket`);
    assert.strictEqual(await ws.message(), 'o');
    for (let round = 0; round < 20; round++) {
      const { client, number } = await threads.start();
      const { ended } = await occupy(client);
      if (round % 2 === 0) assert.strictEqual(await threads.end('terminate', number), 1);
      else assert.strictEqual(await threads.end('exit', number), 7);
      await ended();
      if (hasProc && (round === 3 || round === 19)) threads.child.tell('count');
    }
    ws.send('["still here"]');
    assert.strictEqual(await ws.message(), 'a["still here"]');
    if (hasProc) {
      const [early, late] = await threads.child.linesLike(/^count (\d+) (\d+)$/, 2);
      assert.deepStrictEqual(late.slice(1), early.slice(1), 'descriptors or threads are left');
    }
    ws.abort();
    await threads.finish();
  });
}
