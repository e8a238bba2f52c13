'use strict';

/**
 * @file A panic costs its connection, is logged, and nothing else happens, wherever it strikes. Needs an addon
 * that panics on demand: `npm run test:panics`.
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

/** A client is served. */
async function expectEcho(websocket, text) {
  websocket.send(`["${text}"]`);
  expect(await websocket.message()).toBe(`a["${text}"]`);
}

/** A websocket that sends something and is ended for it. */
function sending(message) {
  return async (client) => {
    const websocket = await connect(client);
    websocket.send(`["${message}"]`);
    await websocket.end();
  };
}

/** A websocket that is paused while it sends: what has come is read by a task of the I/O thread. */
async function paused(client) {
  const websocket = await connect(client);
  await expectEcho(websocket, 'pause');
  websocket.send('["a"]');
  const other = await connect(client);
  other.send('["resume"]');
  await websocket.end();
}

/** A handshake that is not answered. */
async function handshake(client) {
  const connection = await client.handshake(WEBSOCKET);
  await connection.wire.end();
}

/** A websocket that is ended by itself. */
async function waiting(client) {
  await (await connect(client)).end();
}

/** Several, of which one is ended by what all of them get. */
async function crowd(client) {
  const websockets = [await connect(client), await connect(client), await connect(client)];
  websockets[0].send('["all"]');
  const outcomes = websockets.map((websocket) => websocket.message().catch(() => 'ended'));
  const found = await Promise.all(outcomes);
  // The one that stands by is the fourth, and may be the one that is ended.
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

/** A message whose request fails, and only that. */
async function failedSend(client) {
  const session = client.session('/s');
  await client.post(`${session}/xhr`);
  const type = { 'Content-Type': 'text/plain' };
  expect((await client.post(`${session}/xhr_send`, '["a"]', type)).status).toBe(500);
  expect((await client.post(`${session}/xhr_send`, '["b"]', type)).status).toBe(204);
}

/**
 * Where it strikes, on which thread, who provokes it, and what is logged; `closes` says whether the application
 * has seen a connection that then closes.
 *
 * @type {{ what: string, ingress: string, panic: string, thread: RegExp, victim: (client: any) => Promise<void>,
 *   log?: RegExp | null, closes?: boolean, env?: NodeJS.ProcessEnv }[]}
 */
const CASES = [
  {
    what: 'in a turn of the reactor on the JavaScript thread',
    ingress: 'takeover',
    panic: 'read:1',
    thread: JAVASCRIPT_THREAD,
    victim: sending('a'),
  },
  {
    what: 'in a turn of the reactor on the I/O thread',
    ingress: 'takeover',
    panic: 'poll:1,read:1',
    thread: IO_THREAD,
    victim: sending('a'),
  },
  {
    what: 'in a task of the I/O thread that reads on',
    ingress: 'takeover',
    panic: 'read-on:1',
    thread: IO_THREAD,
    victim: paused,
  },
  {
    what: 'in a task of the I/O thread that answers a request',
    ingress: 'takeover',
    panic: 'respond:1',
    thread: IO_THREAD,
    victim: unansweredRequest,
    closes: false,
  },
  {
    what: 'in a flush on the JavaScript thread',
    ingress: 'takeover',
    panic: 'flush:3',
    thread: JAVASCRIPT_THREAD,
    victim: sending('a'),
  },
  {
    what: 'in the flusher of the I/O thread',
    ingress: 'takeover',
    // Four opened, and the first of the four writes may leave at once; the flusher has the others.
    panic: 'poll:1,flush:6',
    thread: IO_THREAD,
    victim: crowd,
  },
  {
    what: 'in a timer',
    ingress: 'takeover',
    panic: 'timer:1',
    thread: IO_THREAD,
    victim: waiting,
    env: { HEARTBEAT: '300' },
  },
  {
    what: 'in a timer, with the bridge',
    ingress: 'bridge',
    panic: 'timer:1',
    thread: IO_THREAD,
    victim: waiting,
    env: { HEARTBEAT: '300' },
  },
  {
    what: 'where an HTTP connection is taken',
    ingress: 'takeover',
    panic: 'take:1',
    thread: JAVASCRIPT_THREAD,
    victim: answeredRequest,
    log: null,
    closes: false,
  },
  {
    what: 'where a websocket is taken',
    ingress: 'takeover',
    panic: 'open:2',
    thread: JAVASCRIPT_THREAD,
    victim: handshake,
  },
  {
    what: 'where events are handed to JavaScript',
    ingress: 'takeover',
    panic: 'present:2',
    thread: JAVASCRIPT_THREAD,
    victim: handshake,
    closes: false,
  },
  {
    what: 'where a bridged websocket is accepted',
    ingress: 'bridge',
    panic: 'accept:2',
    thread: JAVASCRIPT_THREAD,
    victim: handshake,
    log: /^log Exception on an upgrade/,
    closes: false,
  },
  {
    what: 'at bytes of a bridged websocket',
    ingress: 'bridge',
    panic: 'feed:1',
    thread: JAVASCRIPT_THREAD,
    victim: sending('a'),
  },
  {
    what: 'at the body of a bridged request',
    ingress: 'bridge',
    panic: 'body:1',
    thread: JAVASCRIPT_THREAD,
    victim: failedSend,
    log: /^log Exception on "POST/,
    closes: false,
  },
  ...['takeover', 'bridge'].flatMap((ingress) => [
    {
      what: `in write() (${ingress})`,
      ingress,
      panic: 'write:1',
      thread: JAVASCRIPT_THREAD,
      victim: sending('a'),
    },
    {
      what: `in close() (${ingress})`,
      ingress,
      panic: 'close:1',
      thread: JAVASCRIPT_THREAD,
      victim: sending('close'),
    },
    {
      what: `where an upgrade is judged (${ingress})`,
      ingress,
      panic: 'upgrade:2',
      thread: JAVASCRIPT_THREAD,
      victim: handshake,
      log: /^log Exception on an upgrade/,
      closes: false,
    },
  ]),
];

describe.each(CASES)('a panic $what', ({ ingress, panic, thread, victim, log, closes, env }) => {
  it('costs its connection only, and is logged', async () => {
    const { child, client } = await serveFixture(ingress, 'injected.js', {
      // Not for Jest's own process, whose resolver is made with napi-rs, too.
      NAPI_RS_NATIVE_LIBRARY_PATH: process.env.PANICS_ADDON,
      SOCKJS_RS_PANIC: panic,
      ...env,
    });
    const isTimer = env !== undefined || victim === crowd;
    const bystander = isTimer ? undefined : await connect(client);
    const fourth = victim === crowd ? await connect(client) : undefined;
    await victim(client);
    if (log !== null) await child.line(log ?? FAULT);
    if (closes !== false) await child.line(/^closed$/);
    if (bystander) await expectEcho(bystander, 'still here');
    fourth?.abort();
    const later = await connect(client);
    // Its heartbeat, where that is what has failed before.
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
