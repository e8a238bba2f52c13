'use strict';

/**
 * @file A panic ends at most its connection, and is logged, wherever it occurs. Needs an addon that panics on
 * demand: `npm run test:panics`.
 */

const { serveFixture } = require('../support/child');

const WEBSOCKET = '/s/0/0/websocket';
const FAULT = /^log Connection ended by a fault in sockjs-rs/;
const IO_THREAD = /thread 'sockjs-io-0'/;
const JAVASCRIPT_THREAD = /thread '(?!sockjs)/;

/** @param {import('../support/client').Client} client */
async function connect(client) {
  const websocket = await client.websocket(WEBSOCKET);
  expect(await websocket.message()).toBe('o');
  return websocket;
}

async function expectEcho(websocket, text) {
  websocket.send(`["${text}"]`);
  expect(await websocket.message()).toBe(`a["${text}"]`);
}

/** A websocket that sends a message and is ended because of it. */
function sending(message) {
  return async (client) => {
    const websocket = await connect(client);
    websocket.send(`["${message}"]`);
    await websocket.end();
  };
}

/** A websocket that sends while it is paused: after `resume()`, a task of the I/O thread reads the message. */
async function paused(client) {
  const websocket = await connect(client);
  await expectEcho(websocket, 'pause');
  websocket.send('["a"]');
  const other = await connect(client);
  other.send('["resume"]');
  await websocket.end();
}

/** A handshake without an answer. */
async function handshake(client) {
  const connection = await client.handshake(WEBSOCKET);
  await connection.wire.end();
}

/** An idle websocket that is ended. */
async function waiting(client) {
  await (await connect(client)).end();
}

/** Several websockets that get the same message. One of them is ended. */
async function several(client) {
  const websockets = [await connect(client), await connect(client), await connect(client)];
  websockets[0].send('["all"]');
  const outcomes = websockets.map((websocket) => websocket.message().catch(() => 'ended'));
  const found = await Promise.all(outcomes);
  // The test has opened a fourth websocket, which may be the one that is ended.
  expect(found.filter((outcome) => outcome === 'a["all"]').length).toBeGreaterThan(1);
}

async function unansweredRequest(client) {
  const connection = client.connect();
  connection.send('POST', `${client.session('/s')}/xhr`);
  await connection.wire.end();
}

async function answeredRequest(client) {
  expect((await client.post(`${client.session('/s')}/xhr`)).status).toBe(200);
}

/** A request with a message fails, and the session stays open. */
async function failedSend(client) {
  const session = client.session('/s');
  await client.post(`${session}/xhr`);
  const type = { 'Content-Type': 'text/plain' };
  expect((await client.post(`${session}/xhr_send`, '["a"]', type)).status).toBe(500);
  expect((await client.post(`${session}/xhr_send`, '["b"]', type)).status).toBe(204);
}

/**
 * Where the panic occurs, on which thread, and what causes it. `log`: what is logged, by default FAULT; null for
 * nothing. `closes`: whether the application has the connection, so that it must emit 'close'; by default true.
 *
 * @type {{ what: string, ingress: string, panic: string, thread: RegExp, cause: (client: any) => Promise<void>,
 *   log?: RegExp | null, closes?: boolean, env?: NodeJS.ProcessEnv }[]}
 */
const CASES = [
  {
    what: 'in a poll of the reactor on the JavaScript thread',
    ingress: 'takeover',
    panic: 'read:1',
    thread: JAVASCRIPT_THREAD,
    cause: sending('a'),
  },
  {
    what: 'in a poll of the reactor on the I/O thread',
    ingress: 'takeover',
    panic: 'poll:1,read:1',
    thread: IO_THREAD,
    cause: sending('a'),
  },
  {
    what: 'in a task of the I/O thread that reads after resume()',
    ingress: 'takeover',
    panic: 'read-on:1',
    thread: IO_THREAD,
    cause: paused,
  },
  {
    what: 'in a task of the I/O thread that answers a request',
    ingress: 'takeover',
    panic: 'respond:1',
    thread: IO_THREAD,
    cause: unansweredRequest,
    closes: false,
  },
  {
    what: 'in a flush on the JavaScript thread',
    ingress: 'takeover',
    panic: 'flush:3',
    thread: JAVASCRIPT_THREAD,
    cause: sending('a'),
  },
  {
    what: 'in the flusher of the I/O thread',
    ingress: 'takeover',
    // Four flushes for the open frames; then four writes, of which the first may be sent at once. The
    // flusher sends the others.
    panic: 'poll:1,flush:6',
    thread: IO_THREAD,
    cause: several,
  },
  {
    what: 'in a timer',
    ingress: 'takeover',
    panic: 'timer:1',
    thread: IO_THREAD,
    cause: waiting,
    env: { HEARTBEAT: '300' },
  },
  {
    what: 'in a timer, with the bridge',
    ingress: 'bridge',
    panic: 'timer:1',
    thread: IO_THREAD,
    cause: waiting,
    env: { HEARTBEAT: '300' },
  },
  {
    what: 'when an HTTP connection is taken',
    ingress: 'takeover',
    panic: 'take:1',
    thread: JAVASCRIPT_THREAD,
    cause: answeredRequest,
    log: null,
    closes: false,
  },
  {
    what: 'when a websocket is taken',
    ingress: 'takeover',
    panic: 'open:2',
    thread: JAVASCRIPT_THREAD,
    cause: handshake,
  },
  {
    what: 'when events are passed to JavaScript',
    ingress: 'takeover',
    panic: 'present:2',
    thread: JAVASCRIPT_THREAD,
    cause: handshake,
    closes: false,
  },
  {
    what: 'when a bridged websocket is accepted',
    ingress: 'bridge',
    panic: 'accept:2',
    thread: JAVASCRIPT_THREAD,
    cause: handshake,
    log: /^log Exception on an upgrade/,
    closes: false,
  },
  {
    what: 'when bytes of a bridged websocket arrive',
    ingress: 'bridge',
    panic: 'feed:1',
    thread: JAVASCRIPT_THREAD,
    cause: sending('a'),
  },
  {
    what: 'when the body of a bridged request arrives',
    ingress: 'bridge',
    panic: 'body:1',
    thread: JAVASCRIPT_THREAD,
    cause: failedSend,
    log: /^log Exception on "POST/,
    closes: false,
  },
  ...['takeover', 'bridge'].flatMap((ingress) => [
    {
      what: `in write() (${ingress})`,
      ingress,
      panic: 'write:1',
      thread: JAVASCRIPT_THREAD,
      cause: sending('a'),
    },
    {
      what: `in close() (${ingress})`,
      ingress,
      panic: 'close:1',
      thread: JAVASCRIPT_THREAD,
      cause: sending('close'),
    },
    {
      what: `when an upgrade request is checked (${ingress})`,
      ingress,
      panic: 'upgrade:2',
      thread: JAVASCRIPT_THREAD,
      cause: handshake,
      log: /^log Exception on an upgrade/,
      closes: false,
    },
  ]),
];

describe.each(CASES)('a panic $what', ({ ingress, panic, thread, cause, log, closes, env }) => {
  it('ends at most its connection', async () => {
    const { child, client } = await serveFixture(ingress, 'injected.js', {
      // Only for the child: Jest's own process has a resolver that is a napi-rs addon too, and would load this one.
      NAPI_RS_NATIVE_LIBRARY_PATH: process.env.PANICS_ADDON,
      SOCKJS_RS_PANIC: panic,
      ...env,
    });
    // With a timer, another websocket could have the panic.
    const isAny = env !== undefined || cause === several;
    const other = isAny ? undefined : await connect(client);
    const fourth = cause === several ? await connect(client) : undefined;
    await cause(client);
    if (log !== null) await child.line(log ?? FAULT);
    if (closes !== false) await child.line(/^closed$/);
    if (other) await expectEcho(other, 'still here');
    fourth?.abort();
    const later = await connect(client);
    // The timer works again: it sends a ping.
    if (env) expect((await later.frame()).opcode).toBe(9);
    await expectEcho(later, 'here too');
    expect((await client.get('/s/info')).status).toBe(200);
    expect(child.status).toBeUndefined();
    child.process.kill();
    await child.exit();
    const place = panic.split(',').at(-1).split(':')[0];
    const reports = child.errors.split(/(?=thread ')/);
    const report = reports.find((text) => text.includes(`injected at \`${place}\``));
    expect(report).toMatch(thread);
  });
});
