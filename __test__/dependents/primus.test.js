'use strict';

/** Primus with its sockjs transformer, and the client library that it builds. */

const assert = require('node:assert/strict');
const { once } = require('node:events');
const http = require('node:http');
const { describe, it } = require('node:test');
const Primus = require('primus');
const sockjs = require('sockjs');
const { connect, next, receive, startServer } = require('./support-sockjs-client');

const TRANSPORTS = ['websocket', 'xhr-streaming', 'eventsource', 'xhr-polling'];

/** Milliseconds that a client's first attempt may take. The default is too short on a busy machine. */
const TIMEOUT_MS = 20000;

/** Milliseconds after which a test fails. */
const timeout = 45000;

/** @type {http.RequestListener} */
const app = (req, res) => res.end(`the application's ${req.url}`);

/**
 * Runs a test with a server that has an application and a Primus with an echo.
 *
 * @param {object} options of Primus
 * @param {(setting: {primus: Primus, server: http.Server, origin: string, open:
 *   (transport: string, options?: object) => Promise<{client: object, spark: object}>}) =>
 *   Promise<void>} test
 * @param {(server: http.Server) => void} [prepare] called before Primus is installed
 */
async function withPrimus(options, test, prepare = () => {}) {
  let primus;
  const install = (server) => {
    prepare(server);
    const transport = { disconnect_delay: 1000, ...options.transport };
    primus = new Primus(server, { transformer: 'sockjs', ...options, transport });
    primus.on('connection', (spark) => spark.on('data', (message) => spark.write(message)));
  };
  const { origin, server, stop } = await startServer('takeover', install, app);
  const { Socket } = primus;
  const clients = [];

  const open = async (transport, more) => {
    const connected = nextEvent(primus, 'connection');
    const client = new Socket(`${origin}/?who=${transport}`, {
      timeout: TIMEOUT_MS,
      transport: { transports: transport, timeout: TIMEOUT_MS, ...more },
    });
    clients.push(client);
    const opened = nextEvent(client, 'open');
    const spark = await connected;
    await opened;
    return { client, spark };
  };

  try {
    await test({ primus, server, origin, open });
  } finally {
    for (const client of clients) client.end();
    if (primus.server) await new Promise((resolve) => primus.destroy({ close: false }, resolve));
    if (server.listening) await stop();
  }
}

/**
 * @param {object} emitter a client, spark or Primus
 * @param {string} name
 * @returns {Promise<unknown>} the first argument of its next event. Unlike `events.once`, it does not
 *   reject at an 'error' event.
 */
const nextEvent = (emitter, name) => new Promise((resolve) => emitter.once(name, resolve));

/**
 * @param {string} url
 * @returns {Promise<string>} the body of the answer
 */
async function get(url) {
  const [res] = await once(http.get(url, { agent: false }), 'response');
  res.setEncoding('utf8');
  let text = '';
  for await (const chunk of res) text += chunk;
  return text;
}

/**
 * @param {object} client
 * @param {unknown} message
 */
async function echo(client, message) {
  const echoed = nextEvent(client, 'data');
  client.write(message);
  assert.equal(JSON.stringify(await echoed), JSON.stringify(message)); // the client's objects are of another realm
}

describe('primus', { concurrency: 4 }, () => {
  for (const transport of TRANSPORTS) {
    it(`echoes over ${transport}`, { timeout }, () =>
      withPrimus({}, async ({ open }) => {
        const { client, spark } = await open(transport);
        assert.ok(spark.socket instanceof require('sockjs/lib/transport').SockJSConnection);
        assert.equal(spark.socket.protocol, transport);
        assert.equal(spark.id, spark.socket.id);
        assert.equal(spark.query.who, transport);

        for (const message of [{ a: ['ü', '漢字 🧦', '\u2028'] }, 'text', 17, false]) {
          await echo(client, message);
        }
      }),
    );

    it(`a spark over ${transport} has the headers object of its request`, { timeout }, () =>
      withPrimus({}, async ({ server, open }) => {
        const seen = new Set();
        const keep = (req) => seen.add(req.headers);
        server.prependListener('request', keep);
        server.prependListener('upgrade', keep);
        const { spark } = await open(transport);
        assert.ok(seen.has(spark.headers));
        assert.equal(spark.headers, spark.request.headers);
        assert.equal(spark.headers.via, undefined);
        assert.equal(spark.socket.headers.via, null);
        assert.equal(spark.address.ip, '127.0.0.1');
        assert.ok(spark.address.port > 0);
      }),
    );

    it(`either side can end a spark over ${transport}`, { timeout }, () =>
      withPrimus({}, async ({ primus, open }) => {
        const first = await open(transport);
        const gone = nextEvent(primus, 'disconnection');
        first.client.end();
        assert.equal(await gone, first.spark);

        const second = await open(transport);
        const ended = nextEvent(second.client, 'end');
        const last = nextEvent(second.client, 'data');
        second.spark.end('last words');
        assert.equal(await last, 'last words');
        await ended;
        assert.equal(primus.connected, 0);
      }),
    );

    it(`an asynchronous authorize() lets a client over ${transport} connect`, { timeout }, () =>
      withPrimus({}, async ({ primus, open }) => {
        primus.authorize((req, done) => setImmediate(done));
        const { client } = await open(transport);
        await echo(client, 'authorized');
      }),
    );
  }

  it('a spark has the Via header and the client address that a proxy forwards', { timeout }, () =>
    withPrimus({}, async ({ open }) => {
      const headers = {
        Via: '1.1 proxy.test',
        'X-Forwarded-For': '203.0.113.7',
        'X-Forwarded-Port': '4711',
        'X-Forwarded-Proto': 'https',
      };
      const { spark } = await open('websocket', { transportOptions: { websocket: { headers } } });
      assert.equal(spark.headers.via, '1.1 proxy.test');
      assert.deepEqual({ ...spark.address }, { ip: '203.0.113.7', port: 4711, secure: true });
      assert.equal(spark.socket.headers['x-forwarded-for'], '203.0.113.7');
      assert.equal(spark.socket.remoteAddress, '127.0.0.1');
    }),
  );

  it('authorize() can refuse a client', { timeout }, () =>
    withPrimus({}, async ({ primus, origin }) => {
      primus.on('connection', () => assert.fail('a connection came'));
      primus.authorize((req, done) => done(new Error('no')));
      const client = new primus.Socket(origin, { strategy: false, timeout: TIMEOUT_MS });
      const failed = nextEvent(client, 'error');
      const ended = nextEvent(client, 'end');
      await Promise.all([failed, ended]);
    }),
  );

  it('writes to all sparks', { timeout }, () =>
    withPrimus({}, async ({ primus, open }) => {
      const clients = [];
      for (const transport of TRANSPORTS) clients.push((await open(transport)).client);
      const received = clients.map((client) => nextEvent(client, 'data'));
      primus.write({ to: 'all' });
      for (const data of await Promise.all(received)) assert.equal(data.to, 'all');
    }),
  );

  it('a client reconnects when its spark ends with { reconnect: true }', { timeout }, () =>
    withPrimus({}, async ({ primus, open }) => {
      const { client, spark } = await open('websocket');
      const again = nextEvent(primus, 'connection');
      const reconnected = nextEvent(client, 'reconnected');
      spark.end(undefined, { reconnect: true });
      const second = await again;
      await reconnected;
      assert.notEqual(second.id, spark.id);
      await echo(client, 'back');
    }),
  );

  it('leaves requests and upgrades for other paths to the application', { timeout }, () => {
    const prepare = (server) =>
      server.on('upgrade', (req, socket) => {
        socket.end(
          `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: app\r\n\r\n`,
        );
      });
    const test = async ({ origin, open }) => {
      const { client } = await open('xhr-streaming');
      assert.equal(await get(`${origin}/page`), "the application's /page");
      assert.match(await get(`${origin}/primus/spec`), /"transformer":"sockjs"/);
      assert.match(await get(`${origin}/primus/primus.js`), /Primus/);

      const headers = { Connection: 'Upgrade', Upgrade: 'app' };
      const [res, socket] = await once(http.get(`${origin}/app`, { headers }), 'upgrade');
      assert.equal(res.headers.upgrade, 'app');
      socket.destroy();

      await echo(client, 'still there');
    };
    return withPrimus({}, test, prepare);
  });

  for (const order of ['before', 'after']) {
    it(`works with a SockJS service that was installed ${order} it`, { timeout }, () => {
      const service = sockjs.createServer({
        prefix: '/echo',
        disconnect_delay: 1000,
        log: () => {},
      });
      service.on('connection', (conn) => conn.on('data', (message) => conn.write(message)));
      const install = (server) => service.installHandlers(server);
      const test = async ({ server, origin, open }) => {
        if (order === 'after') install(server);
        for (const transport of TRANSPORTS) {
          const socket = await connect(`${origin}/echo`, { transports: transport });
          const { client } = await open(transport);
          const [echoed, received] = [nextEvent(client, 'data'), receive(socket, 1)];
          client.write('to primus');
          socket.send('to the service');
          assert.equal(await echoed, 'to primus');
          assert.deepEqual(await received, ['to the service']);
          const closed = next(socket, 'close');
          socket.close();
          await closed;
        }
        assert.equal(await get(`${origin}/page`), "the application's /page");
      };
      return withPrimus({}, test, order === 'before' ? install : undefined);
    });
  }

  it('destroy() ends all sparks and the http server', { timeout }, () =>
    withPrimus({}, async ({ primus, server, open }) => {
      const opened = [];
      // The next poll of a polling client finds no http server, so the client is not told of the end.
      const transports = TRANSPORTS.filter((name) => name !== 'xhr-polling');
      for (const transport of transports) opened.push(await open(transport));
      const ended = opened.flatMap(({ client, spark }) => [
        nextEvent(client, 'end'),
        nextEvent(spark, 'end'),
      ]);
      await new Promise((resolve) => primus.destroy(resolve));
      await Promise.all(ended);
      assert.equal(server.listening, false);
    }),
  );

  it('destroy({ close: false }) leaves all requests to the application', { timeout }, () =>
    withPrimus({}, async ({ primus, origin, open }) => {
      const { client } = await open('websocket');
      const ended = nextEvent(client, 'end');
      await new Promise((resolve) => primus.destroy({ close: false }, resolve));
      await ended;
      assert.equal(await get(`${origin}/page`), "the application's /page");
      assert.equal(await get(`${origin}/primus/info`), "the application's /primus/info");
    }),
  );
});
