'use strict';

/** Session names: unusual ones, names of other services' sessions, and very many. */

const assert = require('node:assert/strict');

const { attack, inParallel } = require('./attack');
const { delay } = require('../support/wait');

/** Names that have a meaning in JavaScript, in URLs or in the protocol. */
const NAMES = [
  ...[
    'constructor',
    '__proto__',
    'prototype',
    'toString',
    'valueOf',
    'hasOwnProperty',
    'isPrototypeOf',
  ],
  ...[
    '__defineGetter__',
    '__lookupGetter__',
    'length',
    'size',
    'null',
    'undefined',
    'true',
    'NaN',
    '0',
  ],
  ...[
    '-1',
    '1e400',
    '%00',
    '%2e%2e',
    '%2F',
    '%',
    '%zz',
    '%ff',
    '%F0%9F%98%80',
    '*',
    '~',
    '$&',
    '(',
    '[a]',
  ],
  ...[
    "'",
    ';',
    ':',
    '@',
    '&',
    '=',
    '+',
    ',',
    '!',
    'xhr',
    'websocket',
    'info',
    'iframe',
    'a'.repeat(4000),
  ],
];

/**
 * Opens a polling session with this path, sends messages and receives them.
 *
 * @param {import('../support/client').Client} client
 * @param {string} session
 */
async function checkSession(client, session) {
  const connection = client.connect();
  const status = async (path, body) =>
    (await connection.request('POST', `${session}/${path}`, { body })).status;
  assert.equal(await status('xhr_send', '["early"]'), 404, session);
  assert.equal((await connection.request('POST', `${session}/xhr`)).body, 'o\n', session);
  assert.equal(await status('xhr_send', '["a"]'), 204, session);
  assert.equal((await connection.request('POST', `${session}/xhr`)).body, 'a["a"]\n', session);
  assert.equal(await status('xhr_send', '["b"]'), 204, session);
  const poll = await connection.request('GET', `${session}/jsonp?c=x`);
  assert.equal(poll.body, '/**/x("a[\\"b\\"]");\r\n', session);
}

attack(
  'unusual names',
  [
    [
      'of sessions',
      ({ client }) => inParallel(8, NAMES, (name) => checkSession(client, `/s/0/${name}`)),
    ],
    [
      'of servers in session URLs',
      ({ client }) =>
        inParallel(8, NAMES, (name) =>
          checkSession(client, `/s/${name}/${client.session('').slice(5)}`),
        ),
    ],
    [
      'of streaming sessions',
      ({ client }) =>
        inParallel(8, NAMES, async (name) => {
          const response = await client.open('POST', `/s/0/${name}/xhr_streaming`);
          await response.until('h\n');
          assert.equal(await response.line(), 'o\n', name);
        }),
    ],
  ],
  { rounds: 0 },
);

/** A client that knows the name of a session under another prefix. */
const INTRUSIONS = {
  'sends a message': async (client, path) => {
    const { status } = await client.post(`${path}/xhr_send`, '["smuggled"]');
    assert.equal(status, 404);
  },
  'sends a form': async (client, path) => {
    const headers = { 'Content-Type': 'application/x-www-form-urlencoded' };
    const { status } = await client.post(`${path}/jsonp_send`, 'd=["smuggled"]', headers);
    assert.equal(status, 404);
  },
  'receives by polling': async (client, path) => {
    assert.equal((await client.post(`${path}/xhr`)).body, 'o\n');
  },
  'receives by jsonp': async (client, path) => {
    assert.equal((await client.get(`${path}/jsonp?c=x`)).body, '/**/x("o");\r\n');
  },
  'receives by streaming': async (client, path) => {
    const response = await client.open('POST', `${path}/xhr_streaming`);
    await response.until('o\n');
  },
  'opens a websocket': async (client, path) => {
    const ws = await client.websocket(`${path}/websocket`);
    assert.equal(await ws.message(), 'o');
  },
};

attack(
  'a client with the name of a session under another prefix',
  Object.entries(INTRUSIONS).flatMap(([title, intrude]) =>
    [
      ['/s', '/other'],
      ['/other', '/s'],
      ['/s', '/x/loose'],
      ['/other', '/other/x/loose'],
    ].map(([home, elsewhere]) => [
      `${home}: ${title} under ${elsewhere}`,
      async ({ client, server }) => {
        const before = (await server.ask('counts')).smuggled;
        const session = client.session(home);
        const response = await client.open('POST', `${session}/xhr_streaming`);
        await response.until('o\n');
        await intrude(client, session.replace(home, elsewhere));
        await client.post(`${session}/xhr_send`, '["mine"]');
        assert.equal(await response.line(), 'a["mine"]\n');
        assert.equal((await server.ask('counts')).smuggled, before);
      },
    ]),
  ),
);

const MANY = Number(process.env.HOSTILE_SESSIONS ?? 100_000);
/** Milliseconds within which the server must answer a healthy client under full load. */
const OVERLOADED_MS = 2000;
/** How many connections open the sessions. */
const CONNECTIONS = 8;
/** How many sessions each connection opens with one write. */
const PIPELINED = 25;

/** Opens sessions and abandons them. */
async function openMany(client, count) {
  const run = `${Date.now()}`;
  const connections = Array.from({ length: CONNECTIONS }, () => client.connect());
  const batches = Array.from({ length: Math.ceil(count / PIPELINED) }, (_, number) => number);
  await inParallel(CONNECTIONS, batches, async (batch, worker) => {
    const { wire } = connections[worker];
    const requests = Array.from(
      { length: PIPELINED },
      (_, i) =>
        `POST /s/0/${run}-${batch}-${i}/xhr HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n`,
    );
    wire.write(requests.join(''));
    let answered = 0;
    await wire.read(() => {
      const text = wire.buffer.latin1Slice();
      const last = text.lastIndexOf('o\n');
      if (last < 0) return undefined;
      answered += text.slice(0, last + 2).split('o\n').length - 1;
      wire.take(last + 2);
      return answered >= PIPELINED || undefined;
    }, 'answers');
  });
}

attack(
  'abandoned sessions',
  [
    [
      `${MANY} of them, and answers a healthy client meanwhile`,
      async ({ client, server }) => {
        const { opened } = await server.ask('counts');
        const flood = openMany(client, MANY).then(() => 'over');
        do await server.checkResponsiveWithin(OVERLOADED_MS);
        while ((await Promise.race([flood, delay(100)])) !== 'over');
        assert.ok((await server.ask('counts')).opened - opened >= MANY);
      },
    ],
    [
      `${MANY / 100} names of sessions that never existed`,
      async ({ client }) => {
        const connections = Array.from({ length: CONNECTIONS }, () => client.connect());
        await inParallel(CONNECTIONS, Array(MANY / 100).keys(), async (number, worker) => {
          const target = `/s/0/never-${number}/xhr_send`;
          const { status } = await connections[worker].request('POST', target, { body: '["a"]' });
          assert.equal(status, 404);
        });
      },
    ],
  ],
  { rounds: 0, service: { disconnect_delay: OVERLOADED_MS } },
);
