'use strict';

/** Names of sessions: strange ones, those of others, and very many. */

const assert = require('node:assert/strict');

const { attack, inParallel } = require('./attack');
const { delay } = require('../support/wait');

/** Names that mean something to somebody, but not to a server of sessions. */
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
 * A whole session by polling, as it is for any name.
 *
 * @param {import('../support/client').Client} client
 * @param {string} session
 */
async function live(client, session) {
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
  'names of sessions',
  [
    ['as names', ({ client }) => inParallel(8, NAMES, (name) => live(client, `/s/0/${name}`))],
    [
      'as the part for load balancers',
      ({ client }) =>
        inParallel(8, NAMES, (name) => live(client, `/s/${name}/${client.session('').slice(5)}`)),
    ],
    [
      'by streaming',
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

/** What a peer does to a session of another prefix, of which it knows the name. */
const RAIDS = {
  'sends into it': async (client, path) => {
    const { status } = await client.post(`${path}/xhr_send`, '["smuggled"]');
    assert.equal(status, 404);
  },
  'sends a form into it': async (client, path) => {
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
  'opens a websocket of that name': async (client, path) => {
    const ws = await client.websocket(`${path}/websocket`);
    assert.equal(await ws.message(), 'o');
  },
};

attack(
  'a session of another prefix',
  Object.entries(RAIDS).flatMap(([title, raid]) =>
    [
      ['/s', '/other'],
      ['/other', '/s'],
      ['/s', '/x/loose'],
      ['/other', '/other/x/loose'],
    ].map(([home, elsewhere]) => [
      `of ${home}: ${title} by ${elsewhere}`,
      async ({ client, server }) => {
        const before = (await server.ask('counts')).smuggled;
        const session = client.session(home);
        const response = await client.open('POST', `${session}/xhr_streaming`);
        await response.until('o\n');
        await raid(client, session.replace(home, elsewhere));
        await client.post(`${session}/xhr_send`, '["mine"]');
        assert.equal(await response.line(), 'a["mine"]\n');
        assert.equal((await server.ask('counts')).smuggled, before);
      },
    ]),
  ),
);

const MANY = Number(process.env.HOSTILE_SESSIONS ?? 100_000);
/** Milliseconds in which a healthy client has its answer while others take all that the machine has. */
const OVERLOADED = 2000;
/** Connections that open them, and sessions that each opens in one write. */
const LANES = 8;
const PIPELINED = 25;

/** Opens so many sessions that nobody ever comes back to. */
async function openMany(client, count) {
  const run = `${Date.now()}`;
  const connections = Array.from({ length: LANES }, () => client.connect());
  const batches = Array.from({ length: Math.ceil(count / PIPELINED) }, (_, number) => number);
  await inParallel(LANES, batches, async (batch, lane) => {
    const { wire } = connections[lane];
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
  'sessions that nobody comes back to',
  [
    [
      `${MANY} of them, and a healthy client meanwhile`,
      async ({ client, server }) => {
        const { opened } = await server.ask('counts');
        const flood = openMany(client, MANY).then(() => 'over');
        do await server.answersWithin(OVERLOADED);
        while ((await Promise.race([flood, delay(100)])) !== 'over');
        assert.ok((await server.ask('counts')).opened - opened >= MANY);
      },
    ],
    [
      `${MANY / 100} names that were never there`,
      async ({ client }) => {
        const connections = Array.from({ length: LANES }, () => client.connect());
        await inParallel(LANES, Array(MANY / 100).keys(), async (number, lane) => {
          const target = `/s/0/never-${number}/xhr_send`;
          const { status } = await connections[lane].request('POST', target, { body: '["a"]' });
          assert.equal(status, 404);
        });
      },
    ],
  ],
  { rounds: 0, service: { disconnect_delay: OVERLOADED } },
);
