'use strict';

/*
 * Code that observes the requests of an http server, or the bytes of its sockets, also sees those of SockJS.
 */

const diagnostics = require('diagnostics_channel');
const http = require('http');
const net = require('net');
const { PerformanceObserver } = require('perf_hooks');
const { Condition } = require('./support/wait');
const { serveFixture } = require('./support/child');
const { ingresses } = require('./support/library');
const { startEcho, startService } = require('./support/server');

/** What the tests undo at their end. @type {(() => void)[]} */
let undo = [];
afterEach(() => {
  for (const step of undo) step();
  undo = [];
});

/**
 * Replaces a method until the end of the test.
 *
 * @param {any} target
 * @param {string} name
 * @param {() => void} seen
 */
function patch(target, name, seen) {
  const own = Object.getOwnPropertyDescriptor(target, name);
  const original = target[name];
  target[name] = function (...args) {
    seen();
    return original.apply(this, args);
  };
  undo.push(() => {
    if (own) Object.defineProperty(target, name, own);
    else delete target[name];
  });
}

/** @param {string} name */
const channel = (name) => (seen) => {
  diagnostics.subscribe(name, seen);
  undo.push(() => diagnostics.unsubscribe(name, seen));
};

/**
 * Each begins to observe all requests of the process, and calls `seen` for each.
 *
 * @type {[string, (seen: () => void) => void][]}
 */
const observersOfAll = [
  ['a subscriber of http.server.request.start', channel('http.server.request.start')],
  ['a subscriber of http.server.response.finish', channel('http.server.response.finish')],
  [
    'a performance observer',
    (seen) => {
      const observer = new PerformanceObserver((list) => {
        for (const { name } of list.getEntries()) if (name === 'HttpRequest') seen();
      });
      observer.observe({ entryTypes: ['http'] });
      undo.push(() => observer.disconnect());
    },
  ],
  ['a patched writeHead', (seen) => patch(http.ServerResponse.prototype, 'writeHead', seen)],
  ['a patched end', (seen) => patch(http.OutgoingMessage.prototype, 'end', seen)],
  ['a patched Server.emit', (seen) => patch(http.Server.prototype, 'emit', seen)],
  ['a patched socket write', (seen) => patch(net.Socket.prototype, 'write', seen)],
];
if (Number(process.versions.node.split('.')[0]) >= 22) {
  const created = 'http.server.response.created';
  observersOfAll.push([`a subscriber of ${created}`, channel(created)]);
}

/** @param {http.Server} server */
function onData(server, seen) {
  server.on('connection', (socket) => socket.on('data', seen));
}

/** Each observes one http server. @type {[string, (server: http.Server, seen: () => void) => void][]} */
const observersOfOne = [
  ['a listener of "request"', (server, seen) => server.on('request', seen)],
  ['a listener of "data" on its sockets', onData],
  [
    'a replaced method of its sockets',
    (server, seen) => server.on('connection', (socket) => patch(socket, 'write', seen)),
  ],
];

describe.each(ingresses)('observers, by the %s ingress', (ingress) => {
  /** Counts the calls of `seen`; `above` waits until there are more than a number. */
  function counter() {
    const changed = new Condition();
    let count = 0;
    return {
      seen: () => {
        count++;
        changed.notify();
      },
      above: (number) =>
        changed.waitUntil(
          () => (count > number ? count : undefined),
          () => `more than ${number} (there are ${count})`,
        ),
    };
  }

  test('without observers a connection is taken over, where the ingress does that', async () => {
    const server = await startService(ingress);
    let socket;
    server.http.once('connection', (accepted) => (socket = accepted));
    await server.connect().request('GET', '/s/info');
    expect(socket._handle === null).toBe(ingress === 'takeover');
  });

  test.each(observersOfAll)('%s sees each request', async (_, observe) => {
    const server = await startService(ingress);
    const { seen, above } = counter();
    observe(seen);
    const connection = server.connect();
    await connection.request('GET', '/s/info');
    const first = await above(0);
    await connection.request('GET', '/s/info');
    await above(first);
  });

  test.each(observersOfOne)('%s sees each request', async (_, observe) => {
    const server = await startService(ingress);
    const { seen, above } = counter();
    observe(server.http, seen);
    const connection = server.connect();
    await connection.request('GET', '/s/info');
    const first = await above(0);
    await connection.request('GET', '/s/info');
    await above(first);
  });

  test.each([
    ['ServerResponse', 'writeHead'],
    ['OutgoingMessage', 'end'],
    ['ServerResponse', 'emit'],
    ['Socket', 'setTimeout'],
  ])(
    '%s.%s that was replaced before the library was loaded sees each request',
    async (name, method) => {
      const env = { CLASS: name, METHOD: method };
      const { child, client } = await serveFixture(ingress, 'patched-first.js', env);
      const connection = client.connect();
      const seen = () => child.lines.filter((line) => line === 'seen').length;
      for (let request = 0; request < 2; request++) {
        const before = seen();
        await connection.request('GET', '/s/info');
        while (seen() === before) await new Promise(setImmediate);
      }
    },
  );

  test.each([
    ['a listener of "data" on its sockets', (server, seen) => onData(server, seen)],
    ['a patched socket write', (_, seen) => patch(net.Socket.prototype, 'write', seen)],
  ])('%s sees a websocket', async (_, observe) => {
    const server = await startEcho(ingress);
    const { seen, above } = counter();
    observe(server.http, seen);
    const ws = await server.websocket('/s/0/0/websocket');
    expect(await ws.message()).toBe('o');
    const first = await above(0);
    ws.send('["a"]');
    expect(await ws.message()).toBe('a["a"]');
    await above(first);
    ws.abort();
  });

  test('a custom ServerResponse writes the answers', async () => {
    class Response extends http.ServerResponse {
      writeHead(...args) {
        this.setHeader('X-Mine', '1');
        return super.writeHead(...args);
      }
    }
    const server = await startService(ingress, {}, undefined, {
      http: { ServerResponse: Response },
    });
    const response = await server.get('/s/info');
    expect(response.headers['x-mine']).toBe('1');
  });

  test('a custom IncomingMessage reads the requests', async () => {
    let made = 0;
    class Request extends http.IncomingMessage {
      constructor(...args) {
        super(...args);
        made++;
      }
    }
    const server = await startService(ingress, {}, undefined, {
      http: { IncomingMessage: Request },
    });
    const connection = server.connect();
    await connection.request('GET', '/s/info');
    await connection.request('GET', '/s/info');
    expect(made).toBe(2);
  });

  test('a later subscriber sees the next request of an open connection, after one of another connection', async () => {
    const server = await startService(ingress);
    const connection = server.connect();
    await connection.request('GET', '/s/info');
    const { seen, above } = counter();
    channel('http.server.request.start')(seen);
    await server.get('/s/info');
    const first = await above(0);
    await connection.request('GET', '/s/info');
    await above(first);
  });

  test('server.setTimeout() applies to the next request of an open connection', async () => {
    const server = await startService(ingress);
    const connection = server.connect();
    await connection.request('GET', '/s/info');
    server.http.setTimeout(50);
    await server.get('/s/info');
    connection.send('POST', `${server.session('/s')}/xhr_streaming`);
    const stream = await connection.response();
    await stream.until('o\n');
    await stream.rest();
  });
});
