'use strict';

/**
 * @file Two workers of a cluster on one port. The worker that gets the first client stops listening,
 * so that the other worker gets the next client.
 */

const assert = require('node:assert');
const test = require('node:test');

const { Client } = require('../support/client');
const { converse, ingresses, startFixture } = require('./support');

/**
 * @param {import('node:test').TestContext} t
 * @param {string} ingress
 * @param {string} policy
 */
async function start(t, ingress, policy) {
  const child = startFixture(t, 'cluster.js', ingress, { POLICY: policy });
  const workers = await child.linesLike(/^worker (\d+) port (\d+)$/, 2);
  const client = new Client(Number(workers[0][2]));
  t.after(() => client.disconnect());
  return { child, client, pids: workers.map(([, pid]) => pid).sort() };
}

/** A websocket to one of the workers. `ask` sends a message and returns the answer. */
async function openWebsocket(client) {
  const ws = await client.websocket(`${client.session('/echo')}/websocket`);
  assert.strictEqual(await ws.message(), 'o');
  return {
    async ask(message) {
      ws.send(JSON.stringify([message]));
      return JSON.parse((await ws.message()).slice(1))[0];
    },
    abort: () => ws.abort(),
  };
}

/** A polling session. Its requests share one connection, so they reach the same worker. */
async function openPolling(client) {
  const session = client.session('/echo');
  const connection = client.connect();
  const opened = await connection.request('POST', `${session}/xhr`);
  assert.strictEqual(opened.body, 'o\n');
  return {
    async ask(message) {
      const body = JSON.stringify([message]);
      const sent = await connection.request('POST', `${session}/xhr_send`, { body });
      assert.strictEqual(sent.status, 204);
      const polled = await connection.request('POST', `${session}/xhr`);
      return JSON.parse(polled.body.slice(1))[0];
    },
    /** The answer of the worker's own application on this connection. */
    async application() {
      return (await connection.request('GET', '/app')).body;
    },
    abort: () => connection.abort(),
  };
}

/** Checks that the workers exit by themselves when the primary disconnects them, and the primary then. */
async function checkEnd(child, pids) {
  child.tell('end');
  assert.deepStrictEqual(await child.exit(), { code: 0, signal: null });
  const ended = await child.linesLike(/^worker (\d+) ended (.*)$/, 2);
  const how = ended.map(([, pid, status]) => `${pid}: ${status}`).sort();
  const expected = pids.map((pid) => `${pid}: 0 null`).sort();
  assert.deepStrictEqual(how, expected);
  assert.doesNotMatch(child.errors, /Error|panic/);
}

for (const ingress of ingresses) {
  for (const policy of ['rr', 'none']) {
    test(`both workers serve clients, policy ${policy}, ${ingress}`, async (t) => {
      const { child, client, pids } = await start(t, ingress, policy);
      const first = await openWebsocket(client);
      const one = await first.ask('who');
      assert.strictEqual(await first.ask('close'), 'listening: false');

      const second = await openPolling(client);
      const other = await second.ask('who');
      assert.deepStrictEqual([one, other].sort(), pids);
      assert.strictEqual(await second.application(), other);
      assert.strictEqual(await second.ask('kept'), 'kept');
      const third = await openWebsocket(client);
      assert.strictEqual(await third.ask('who'), other);
      for (const transport of ['websocket', 'websocket-raw', 'xhr-streaming', 'xhr-polling']) {
        await converse[transport](client, '/echo');
      }
      assert.strictEqual(await first.ask('still here'), 'still here');

      client.disconnect();
      await checkEnd(child, pids);
    });

    test(`a worker exits after its last client has left, policy ${policy}, ${ingress}`, async (t) => {
      const { child, client, pids } = await start(t, ingress, policy);
      const ws = await openWebsocket(client);
      const pid = await ws.ask('who');
      child.tell('end');
      await child.line(new RegExp(`^worker ${pids.find((it) => it !== pid)} ended 0 null$`));
      assert.strictEqual(await ws.ask('still here'), 'still here');
      ws.abort();
      assert.deepStrictEqual(await child.exit(), { code: 0, signal: null });
      await child.line(new RegExp(`^worker ${pid} ended 0 null$`));
      assert.doesNotMatch(child.errors, /Error|panic/);
    });
  }
}
