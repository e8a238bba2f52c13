'use strict';

const assert = require('node:assert');
const http = require('node:http');
const { Readable } = require('node:stream');
const test = require('node:test');

const {
  LOCAL,
  NODE,
  clientOf,
  collect,
  converse,
  ingresses,
  echoService,
  listen,
  sha256,
  throughIngress,
} = require('./support');

/** The parts of the application's answer that is streamed. */
const PARTS = ['one ', 'two ', 'three'];

/** Yields the parts, each in an iteration of the event loop of its own. */
async function* parts() {
  for (const part of PARTS) {
    await new Promise(setImmediate);
    yield part;
  }
}

/**
 * @typedef {(request: http.IncomingMessage, response: http.ServerResponse) => boolean} Handler
 *
 * @typedef {object} Host an application with two routes: `POST /digest`, `GET /parts`
 * @property {http.Server} server its http server
 * @property {() => unknown} [start] the framework's function for `server.listen()`
 * @property {() => unknown} [stop] the framework's function for `server.close()`
 */

/**
 * Makes an application with each framework. A `handler` gets each request first; the application
 * ignores the requests for which it returns true.
 *
 * @type {Record<string, {since?: number, make: (handler?: Handler) => Host}>}
 */
const frameworks = {
  'express 5': { make: (handler) => makeExpress(require('express'), handler) },
  'express 4': { make: (handler) => makeExpress(require('express4'), handler) },
  'connect 3': { make: makeConnect },
  'koa 3': { make: makeKoa },
  'hapi 21': { make: makeHapi },
  'fastify 5': { since: 20, make: (handler) => makeFastify(require('fastify'), handler) },
  'fastify 4': { make: (handler) => makeFastify(require('fastify4'), handler) },
};

function makeExpress(express, handler) {
  const app = express();
  if (handler) app.use((req, res, next) => handler(req, res) || next());
  app.post('/digest', express.raw({ type: '*/*', limit: '4mb' }), (req, res) => {
    res.send(sha256(req.body));
  });
  app.get('/parts', (req, res) => Readable.from(parts()).pipe(res));
  return { server: http.createServer(app) };
}

function makeConnect(handler) {
  const app = require('connect')();
  if (handler) app.use((req, res, next) => handler(req, res) || next());
  app.use('/digest', async (req, res) => res.end(sha256(await collect(req))));
  app.use('/parts', (req, res) => Readable.from(parts()).pipe(res));
  return { server: http.createServer(app) };
}

function makeKoa(handler) {
  const Koa = require('koa');
  const app = new Koa();
  if (handler) {
    app.use((ctx, next) => {
      if (!handler(ctx.req, ctx.res)) return next();
      ctx.respond = false;
      return undefined;
    });
  }
  app.use(async (ctx) => {
    if (ctx.path === '/digest') ctx.body = sha256(await collect(ctx.req));
    if (ctx.path === '/parts') ctx.body = Readable.from(parts());
  });
  return { server: http.createServer(app.callback()) };
}

function makeHapi(handler) {
  const app = require('@hapi/hapi').server({ host: '127.0.0.1', port: 0 });
  if (handler) {
    app.ext('onRequest', ({ raw }, h) => (handler(raw.req, raw.res) ? h.abandon : h.continue));
  }
  app.route({
    method: 'POST',
    path: '/digest',
    options: { payload: { parse: false, maxBytes: 4e6 } },
    handler: (request) => sha256(request.payload),
  });
  app.route({
    method: 'GET',
    path: '/parts',
    handler: (request, h) => h.response(Readable.from(parts(), { objectMode: false })),
  });
  return { server: app.listener, start: () => app.start(), stop: () => app.stop() };
}

function makeFastify(fastify, handler) {
  const app = fastify({ bodyLimit: 4e6 });
  if (handler) {
    app.addHook('onRequest', (request, reply, done) => {
      if (handler(request.raw, reply.raw)) reply.hijack();
      else done();
    });
  }
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (request, body, done) => done(null, body));
  app.post('/digest', (request) => sha256(request.body));
  app.get('/parts', (request, reply) => reply.send(Readable.from(parts())));
  return { server: app.server, start: () => app.listen(LOCAL), stop: () => app.close() };
}

/** @param {string} name */
function supported(name) {
  const { since } = frameworks[name];
  return since > NODE ? { skip: `${name} is for Node ${since} and later` } : {};
}

const BODY = Buffer.alloc(300_000, 'some bytes of a body ');

/** Checks the application's answers on a connection. */
async function checkApplication(connection) {
  const headers = { 'Content-Type': 'application/x-bytes' };
  const digest = await connection.request('POST', '/digest', { headers, body: BODY });
  assert.deepStrictEqual([digest.status, digest.body], [200, sha256(BODY)]);
  const streamed = await connection.request('GET', '/parts');
  assert.deepStrictEqual([streamed.status, streamed.body], [200, PARTS.join('')]);
  const missing = await connection.request('GET', '/echoes/of/nothing');
  assert.strictEqual(missing.status, 404);
}

/**
 * @param {import('node:test').TestContext} t
 * @param {Host} host
 */
async function start(t, { server, start: begin, stop }) {
  if (!begin) return listen(server, { t });
  await begin();
  return clientOf(t, server, stop);
}

/** Checks an application with its own routes and an echo service, on one connection and several. */
async function checkBoth(t, host) {
  const client = await start(t, host);
  const connection = client.connect();
  await checkApplication(connection);
  for (const transport of ['websocket', 'xhr-polling', 'xhr-streaming']) {
    await converse[transport](client, '/echo');
    await checkApplication(connection);
  }
  const session = client.session('/echo');
  assert.strictEqual((await connection.request('POST', `${session}/xhr`)).body, 'o\n');
  await checkApplication(connection);
  const sent = await connection.request('POST', `${session}/xhr_send`, { body: '["kept"]' });
  assert.strictEqual(sent.status, 204);
  await checkApplication(connection);
  const polled = await connection.request('POST', `${session}/xhr`);
  assert.strictEqual(polled.body, 'a["kept"]\n');
  const unknown = await connection.request('GET', '/echo/nothing');
  assert.deepStrictEqual([unknown.status, unknown.body], [404, '404 Error: Page not found\n']);
  await checkApplication(connection);
}

for (const [name, { make }] of Object.entries(frameworks)) {
  for (const ingress of ingresses) {
    test(
      `${name}: an application and SockJS share an http server, ${ingress}`,
      supported(name),
      async (t) => {
        const host = make();
        throughIngress(ingress, () => echoService().installHandlers(host.server));
        await checkBoth(t, host);
      },
    );

    test(
      `${name}: SockJS can be installed after the first request, ${ingress}`,
      supported(name),
      async (t) => {
        const host = make();
        const client = await start(t, host);
        const connection = client.connect();
        await checkApplication(connection);
        throughIngress(ingress, () => echoService().installHandlers(host.server));
        assert.strictEqual(
          (await connection.request('GET', '/echo/')).body,
          'Welcome to SockJS!\n',
        );
        await checkApplication(connection);
      },
    );
  }

  test(`${name}: middleware() answers requests and upgrades`, supported(name), async (t) => {
    const handler = echoService().middleware();
    const host = make(handler);
    host.server.on('upgrade', handler.upgrade);
    await checkBoth(t, host);
  });

  test(`${name}: getHandler() answers requests and upgrades`, supported(name), async (t) => {
    const handler = echoService().listener({}).getHandler();
    const host = make(handler);
    host.server.on('upgrade', handler);
    await checkBoth(t, host);
  });
}

for (const ingress of ingresses) {
  test(`a 'request' listener that is added after SockJS gets all requests, ${ingress}`, async (t) => {
    const [app] = makeExpress(require('express')).server.listeners('request');
    const server = http.createServer();
    throughIngress(ingress, () => echoService().installHandlers(server));
    const seen = [];
    server.on('request', (request, response) => {
      seen.push(request.url);
      if (!request.url.startsWith('/echo/')) app(request, response);
    });
    await checkBoth(t, { server });
    assert.ok(seen.includes('/parts'));
    assert.ok(seen.includes('/echo/nothing'));
  });

  test(`hapi 21: stop() ends websockets, streams, polls and idle connections, ${ingress}`, async (t) => {
    const host = makeHapi();
    throughIngress(ingress, () => echoService().installHandlers(host.server));
    const client = await start(t, host);
    const ws = await client.websocket(`${client.session('/echo')}/websocket`);
    assert.strictEqual(await ws.message(), 'o');
    const stream = await client.open('POST', `${client.session('/echo')}/xhr_streaming`);
    await stream.until('o\n');
    const poll = await client.poll(`${client.session('/echo')}/xhr`);
    const idle = client.connect();
    await idle.request('GET', '/echo/');
    const stopped = host.stop();
    await Promise.all([ws.end(), stream.rest(), poll.end(), idle.end()]);
    await stopped;
  });

  for (const name of ['fastify 5', 'fastify 4']) {
    test(`${name}: close() waits for an open websocket, ${ingress}`, supported(name), async (t) => {
      const host = frameworks[name].make();
      throughIngress(ingress, () => echoService().installHandlers(host.server));
      const client = await start(t, host);
      const ws = await client.websocket(`${client.session('/echo')}/websocket`);
      assert.strictEqual(await ws.message(), 'o');
      let gone = false;
      const stopped = host.stop().then(() => assert.ok(gone));
      ws.send('["still open"]');
      assert.strictEqual(await ws.message(), 'a["still open"]');
      gone = true;
      ws.abort();
      await stopped;
    });
  }
}
