'use strict';

/**
 * @file Requests for the application and for SockJS on the same connection. SEED=n runs only the
 * interleaving of this seed.
 */

const assert = require('node:assert');
const { once } = require('node:events');
const http = require('node:http');
const test = require('node:test');

const { Random } = require('../support/random');
const { Condition } = require('../support/wait');
const { WebSocketClient, sendHandshake } = require('../support/websocket-client');
const {
  collect,
  converse,
  countConnections,
  ingresses,
  echoService,
  listen,
  sha256,
  throughIngress,
} = require('./support');

const SEEDS = process.env.SEED ? [Number(process.env.SEED)] : [1, 2, 3, 4, 5, 6, 7, 8];

/** An application that answers with a report of the request. */
async function application(request, response) {
  const { method, url, rawHeaders } = request;
  if (url.startsWith('/unread')) return void response.end(`unread ${url}`);
  const body = await collect(request);
  const report = JSON.stringify({
    method,
    url,
    rawHeaders,
    length: body.length,
    hash: sha256(body),
  });
  if (!url.startsWith('/streamed')) return void response.end(report);
  for (const character of report) {
    response.write(character);
    if (character === ',') await new Promise(setImmediate);
  }
  response.end();
}

/**
 * @param {import('node:test').TestContext} t
 * @param {string} ingress
 * @param {http.RequestListener} [app]
 */
async function start(t, ingress, app = application) {
  const server = http.createServer(app);
  throughIngress(ingress, () => echoService().installHandlers(server));
  return { server, client: await listen(server, { t }) };
}

/**
 * A request as bytes, and the check of its answer.
 *
 * @typedef {object} Exchange
 * @property {Buffer} bytes
 * @property {(connection: import('../support/http-client').HttpConnection) => Promise<void>} check
 */

/**
 * @param {string} line
 * @param {[string, string][]} headers
 * @param {Buffer} [body] in its transfer coding
 */
function encode(line, headers, body = Buffer.alloc(0)) {
  const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.concat([Buffer.from(`${line} HTTP/1.1\r\n${lines.join('')}\r\n`), body]);
}

/**
 * @param {Random} random
 * @param {Buffer} body
 * @returns {Buffer} the body in HTTP chunks
 */
function encodeChunks(random, body) {
  const parts = [];
  const cuts = body.length < 2 ? [] : random.cuts(body.length, 6);
  for (const [i, end] of [...cuts, body.length].entries()) {
    const chunk = body.subarray(cuts[i - 1] ?? 0, end);
    if (chunk.length === 0) continue;
    const extension = random.chance(0.2) ? ';some=extension' : '';
    parts.push(Buffer.from(`${chunk.length.toString(16)}${extension}\r\n`), chunk);
    parts.push(Buffer.from('\r\n'));
  }
  return Buffer.concat([...parts, Buffer.from('0\r\n\r\n')]);
}

/** The body of a 404 of SockJS. */
const NOT_FOUND = '404 Error: Page not found\n';

/**
 * @param {Random} random
 * @returns {Buffer} a body that contains requests, which nothing may mistake for requests
 */
function randomBody(random) {
  const length = random.weighted([
    [2, 0],
    [5, random.int(1, 500)],
    [3, random.int(500, 70_000)],
    [1, random.int(70_000, 400_000)],
  ]);
  const seed = Buffer.from(`${random.next()} GET /echo/info HTTP/1.1\r\n\r\n`);
  return length === 0 ? Buffer.alloc(0) : Buffer.alloc(length, seed);
}

/**
 * A request for the application.
 *
 * @param {Random} random
 * @param {number} number a part of the URL; the report in the answer repeats it
 * @returns {Exchange}
 */
function foreign(random, number) {
  const [method, framing] = random.pick([
    ['GET', 'none'],
    ['HEAD', 'none'],
    ['POST', 'length'],
    ['POST', 'chunked'],
    ['PUT', 'length'],
    ['PATCH', 'chunked'],
    ['DELETE', 'none'],
  ]);
  const body = framing === 'none' ? Buffer.alloc(0) : randomBody(random);
  const route = random.pick(['/app', '/streamed', '/echoes', '/echo?x=', '/unread']);
  const url = `${route}/${number}`;
  const headers = [['Host', 'localhost']];
  if (random.chance(0.3)) headers.push(['X-Odd-CASE', 'Value'], ['x-odd-case', 'again']);
  if (random.chance(0.2)) headers.push(['Cookie', 'a=b']);
  if (random.chance(0.2)) headers.push(['Connection', 'keep-alive']);
  const expects = framing !== 'none' && random.chance(0.2);
  if (expects) headers.push(['Expect', '100-continue']);
  if (framing === 'length') headers.push(['Content-Length', `${body.length}`]);
  if (framing === 'chunked') headers.push(['Transfer-Encoding', 'chunked']);
  const sent = framing === 'chunked' ? encodeChunks(random, body) : body;
  const report = {
    method,
    url,
    rawHeaders: headers.flat(),
    length: body.length,
    hash: sha256(body),
  };
  const expected = url.startsWith('/unread') ? `unread ${url}` : JSON.stringify(report);
  return {
    bytes: encode(`${method} ${url}`, headers, sent),
    async check(connection) {
      if (expects) assert.strictEqual((await connection.response()).status, 100);
      const response = await connection.response();
      assert.strictEqual(response.status, 200);
      if (method === 'HEAD') return;
      assert.strictEqual(await response.rest(), expected);
    },
  };
}

/**
 * @param {string} line
 * @param {number} status
 * @param {string | undefined} answer undefined: the answer has no body
 * @param {object} [options]
 * @param {[string, string][]} [options.headers]
 * @param {Buffer} [options.body]
 * @returns {Exchange} a request for SockJS
 */
function own(line, status, answer, { headers = [], body } = {}) {
  return {
    bytes: encode(line, [['Host', 'localhost'], ...headers], body),
    async check(connection) {
      const response = await connection.response();
      assert.strictEqual(response.status, status, `status of ${line}`);
      if (answer !== undefined) assert.strictEqual(await response.rest(), answer);
    },
  };
}

/** @param {Buffer} body */
const withLength = (body) => ({ headers: [['Content-Length', `${body.length}`]], body });

/**
 * Requests for SockJS. Each depends on the previous ones.
 *
 * @param {Random} random
 * @param {string} session
 * @returns {Exchange[]}
 */
function ownInOrder(random, session) {
  const kind = random.int(0, 6);
  if (kind === 0) return [own('GET /echo/', 200, 'Welcome to SockJS!\n')];
  if (kind === 1) return [own('OPTIONS /echo/info', 204, '')];
  if (kind === 2) return [own('HEAD /echo/info', 405, undefined)];
  if (kind === 3) return [own('GET /echo/nothing', 404, NOT_FOUND)];
  if (kind === 4) {
    const body = Buffer.from(JSON.stringify(['x'.repeat(random.int(1, 100_000))]));
    return [own(`POST ${session}/xhr_send`, 404, NOT_FOUND, withLength(body))];
  }
  const text = 'm'.repeat(random.pick([1, 300, 90_000]));
  const message = Buffer.from(JSON.stringify([text]));
  const sent = random.chance(0.3)
    ? { headers: [['Transfer-Encoding', 'chunked']], body: encodeChunks(random, message) }
    : withLength(message);
  return [
    own(`POST ${session}/xhr`, 200, 'o\n', withLength(Buffer.alloc(0))),
    own(`POST ${session}/xhr_send`, 204, '', sent),
    own(`POST ${session}/xhr`, 200, `a["${text}"]\n`, withLength(Buffer.alloc(0))),
  ];
}

/**
 * @param {Random} random
 * @param {Exchange[][]} groups
 * @returns {Exchange[]} all exchanges; those of each group keep their order
 */
function interleave(random, groups) {
  const left = groups.map((group) => [...group]);
  const mixed = [];
  while (left.length > 0) {
    const at = random.int(0, left.length - 1);
    mixed.push(left[at].shift());
    if (left[at].length === 0) left.splice(at, 1);
  }
  return mixed;
}

/**
 * Sends the requests in pieces. Many cuts are near the beginning of a request.
 *
 * @param {Random} random
 * @param {import('../support/http-client').HttpConnection} connection
 * @param {Exchange[]} exchanges
 */
async function sendInPieces(random, connection, exchanges) {
  const bytes = Buffer.concat(exchanges.map((exchange) => exchange.bytes));
  const cuts = new Set(random.cuts(bytes.length, 12));
  let end = 0;
  for (const exchange of exchanges) {
    end += exchange.bytes.length;
    if (random.chance(0.4)) cuts.add(end + random.int(-3, 20));
  }
  const ends = [...cuts, bytes.length].filter((at) => at > 0 && at <= bytes.length);
  let from = 0;
  for (const at of ends.sort((a, b) => a - b)) {
    connection.wire.write(bytes.subarray(from, at));
    from = at;
    if (random.chance(0.5)) await new Promise(setImmediate);
  }
}

/** How many bursts of requests each connection carries. */
const BURSTS = 6;

for (const ingress of ingresses) {
  for (const seed of SEEDS) {
    test(`answers are correct and in order, seed ${seed}, ${ingress}`, async (t) => {
      const { server, client } = await start(t, ingress);
      const random = new Random(seed);
      const connection = client.connect();
      let number = 0;
      for (let burst = 0; burst < BURSTS; burst++) {
        const count = random.pick([1, 2, 6, 20]);
        const groups = Array.from({ length: count }, () =>
          random.chance(0.5)
            ? [foreign(random, ++number)]
            : ownInOrder(random, client.session('/echo')),
        );
        const exchanges = interleave(random, groups);
        const sent = sendInPieces(random, connection, exchanges);
        for (const { check } of exchanges) await check(connection);
        await sent;
      }
      assert.strictEqual(await countConnections(server), 1);
      connection.send('GET', '/app/last', { headers: { Connection: 'close' } });
      assert.strictEqual((await connection.response()).status, 200);
      assert.match(await connection.end(), /"url":"\/app\/last"/);
    });
  }

  test(`a request that is sent byte by byte reaches the application complete, ${ingress}`, async (t) => {
    const { client } = await start(t, ingress);
    const connection = client.connect();
    assert.strictEqual((await connection.request('GET', '/echo/')).status, 200);
    const headers = [['Host', 'localhost'], ['Transfer-Encoding', 'chunked']]; // prettier-ignore
    const body = Buffer.from('3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n');
    for (const byte of encode('POST /app/bytes', headers, body)) {
      connection.wire.write(Buffer.from([byte]));
      await new Promise(setImmediate);
    }
    const report = JSON.parse(await (await connection.response()).rest());
    assert.deepStrictEqual([report.length, report.hash], [5, sha256('abcde')]);
    assert.deepStrictEqual(report.rawHeaders, headers.flat());
  });

  test(`a body of 8 MiB after a SockJS request arrives complete, ${ingress}`, async (t) => {
    const { client } = await start(t, ingress);
    const connection = client.connect();
    const body = Buffer.alloc(8 << 20, 'large body ');
    connection.send('GET', '/echo/');
    connection.send('POST', '/app/large', { body });
    connection.send('GET', '/echo/');
    assert.strictEqual(await (await connection.response()).rest(), 'Welcome to SockJS!\n');
    const report = JSON.parse(await (await connection.response()).rest());
    assert.deepStrictEqual([report.length, report.hash], [body.length, sha256(body)]);
    assert.strictEqual(await (await connection.response()).rest(), 'Welcome to SockJS!\n');
  });

  test(`Expect: 100-continue is answered before the body is sent, ${ingress}`, async (t) => {
    const { client } = await start(t, ingress);
    const connection = client.connect();
    const headers = [['Host', 'localhost'], ['Content-Length', '4'], ['Expect', '100-continue']]; // prettier-ignore
    for (let round = 0; round < 3; round++) {
      assert.strictEqual((await connection.request('GET', '/echo/')).status, 200);
      connection.wire.write(encode('POST /app/expect', headers));
      assert.strictEqual((await connection.response()).status, 100);
      connection.wire.write('body');
      const report = JSON.parse(await (await connection.response()).rest());
      assert.strictEqual(report.hash, sha256('body'));
    }
    const session = client.session('/echo');
    assert.strictEqual((await connection.request('POST', `${session}/xhr`)).body, 'o\n');
    connection.wire.write(encode(`POST ${session}/xhr_send`, [...headers, ['X', 'y']]));
    assert.strictEqual((await connection.response()).status, 100);
    connection.wire.write('["a"');
    assert.strictEqual((await connection.response()).status, 500);
  });

  test(`a 'checkContinue' listener gets requests of the application, ${ingress}`, async (t) => {
    const { server, client } = await start(t, ingress);
    server.on('checkContinue', (request, response) => {
      response.writeHead(417);
      response.end(request.url);
    });
    const connection = client.connect();
    assert.strictEqual((await connection.request('GET', '/echo/')).status, 200);
    const headers = { Expect: '100-continue' };
    connection.send('GET', '/app/expect', { headers });
    const response = await connection.response();
    assert.deepStrictEqual([response.status, await response.rest()], [417, '/app/expect']);
  });

  test(`the application notices that its client disconnects within a body, ${ingress}`, async (t) => {
    const changed = new Condition();
    let seen = '';
    let gone;
    const { client } = await start(t, ingress, (request) => {
      request.on('data', (chunk) => {
        seen += chunk;
        changed.notify();
      });
      request.on('error', () => {});
      request.on('close', () => {
        gone = { complete: request.complete };
        changed.notify();
      });
    });
    const connection = client.connect();
    assert.strictEqual((await connection.request('GET', '/echo/')).status, 200);
    connection.wire.write('POST /app HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhalf');
    await changed.waitUntil(
      () => seen === 'half' || undefined,
      () => `half a body: ${seen}`,
    );
    connection.abort();
    await changed.waitUntil(
      () => gone,
      () => 'the end of the request',
    );
    assert.deepStrictEqual(gone, { complete: false });
  });

  test(`the application notices that its client disconnects within an answer, ${ingress}`, async (t) => {
    let closed;
    const { client } = await start(t, ingress, (request, response) => {
      response.write('begun');
      closed = once(response, 'close');
    });
    const connection = client.connect();
    assert.strictEqual((await connection.request('GET', '/echo/')).status, 200);
    connection.send('GET', '/app');
    await (await connection.response()).until('begun');
    connection.abort();
    await closed;
  });

  test(`a session stays open through application requests on its connection, ${ingress}`, async (t) => {
    const { client } = await start(t, ingress);
    const connection = client.connect();
    const session = client.session('/echo');
    assert.strictEqual((await connection.request('POST', `${session}/xhr`)).body, 'o\n');
    for (let round = 0; round < 40; round++) {
      const report = await connection.request('GET', `/app/${round}`);
      assert.strictEqual(JSON.parse(report.body).url, `/app/${round}`);
      const body = JSON.stringify([`m${round}`]);
      const sent = await connection.request('POST', `${session}/xhr_send`, { body });
      assert.strictEqual(sent.status, 204);
      const polled = await connection.request('POST', `${session}/xhr`);
      assert.strictEqual(polled.body, `a["m${round}"]\n`);
    }
  });

  test(`a websocket opens on a connection that has carried requests of both kinds, ${ingress}`, async (t) => {
    const { client } = await start(t, ingress);
    const connection = client.connect();
    for (const target of ['/echo/', '/app', '/echo/', '/app', '/app']) {
      assert.strictEqual((await connection.request('GET', target)).status, 200);
    }
    sendHandshake(connection, `${client.session('/echo')}/websocket`);
    const ws = new WebSocketClient(connection, await connection.response());
    assert.strictEqual(await ws.message(), 'o');
    ws.send('["a"]');
    assert.strictEqual(await ws.message(), 'a["a"]');
  });

  test(`the application's upgrade after a SockJS request gets every byte, ${ingress}`, async (t) => {
    const { server, client } = await start(t, ingress);
    server.removeAllListeners('upgrade');
    server.on('upgrade', (request, socket, head) => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\n\r\n');
      socket.write(head);
      socket.pipe(socket);
    });
    throughIngress(ingress, () => echoService({ prefix: '/other' }).installHandlers(server));
    const connection = client.connect();
    assert.strictEqual((await connection.request('GET', '/echo/')).status, 200);
    const early = Buffer.from('first bytes');
    sendHandshake(connection, '/app', { headers: { Upgrade: 'mirror' }, early });
    const response = await connection.response();
    assert.strictEqual(response.status, 101);
    connection.wire.write(', second bytes');
    const mirrored = await connection.wire.read(
      () => (connection.wire.buffer.length >= 25 ? connection.wire.take(25) : undefined),
      'the mirrored bytes',
    );
    assert.strictEqual(mirrored.toString(), 'first bytes, second bytes');
    await converse.websocket(client, '/other');
  });
}
