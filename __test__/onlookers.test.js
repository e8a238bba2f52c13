'use strict';

/*
 * Whoever looks at the requests of an http server, or at the bytes of its sockets, sees those of SockJS, too.
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
 * Each begins to look at all requests, and calls `seen` at each that it sees.
 *
 * @type {[string, (seen: () => void) => void][]}
 */
const onlookersOfAll = [
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
  onlookersOfAll.push([`a subscriber of ${created}`, channel(created)]);
}

/** @param {http.Server} server */
function onData(server, seen) {
  server.on('connection', (socket) => socket.on('data', seen));
}

/** Each looks at one http server. @type {[string, (server: http.Server, seen: () => void) => void][]} */
const onlookersOfOne = [
  ['a listener of "request"', (server, seen) => server.on('request', seen)],
  ['a listener of "data" on its sockets', onData],
  [
    'a replaced method of its sockets',
    (server, seen) => server.on('connection', (socket) => patch(socket, 'write', seen)),
  ],
];

describe.each(ingresses)('with the %s ingress', (ingress) => {
  /** Counts, and wakes who waits for a number. */
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

  test('with nobody who looks, the connection of a request leaves Node where it can', async () => {
    const server = await startService(ingress);
    let socket;
    server.http.once('connection', (accepted) => (socket = accepted));
    await server.connect().request('GET', '/s/info');
    expect(socket._handle === null).toBe(ingress === 'takeover');
  });

  test.each(onlookersOfAll)('%s sees a request', async (_, look) => {
    const server = await startService(ingress);
    const { seen, above } = counter();
    look(seen);
    const connection = server.connect();
    await connection.request('GET', '/s/info');
    const first = await above(0);
    await connection.request('GET', '/s/info');
    await above(first);
  });

  test.each(onlookersOfOne)('%s sees a request', async (_, look) => {
    const server = await startService(ingress);
    const { seen, above } = counter();
    look(server.http, seen);
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
  ])('%s.%s that was replaced before the library came sees each request', async (name, method) => {
    const env = { CLASS: name, METHOD: method };
    const { child, client } = await serveFixture(ingress, 'patched-first.js', env);
    const connection = client.connect();
    const seen = () => child.lines.filter((line) => line === 'seen').length;
    for (let request = 0; request < 2; request++) {
      const before = seen();
      await connection.request('GET', '/s/info');
      while (seen() === before) await new Promise(setImmediate);
    }
  });

  test.each([
    ['a listener of "data" on its sockets', (server, seen) => onData(server, seen)],
    ['a patched socket write', (_, seen) => patch(net.Socket.prototype, 'write', seen)],
  ])('%s sees a websocket', async (_, look) => {
    const server = await startEcho(ingress);
    const { seen, above } = counter();
    look(server.http, seen);
    const ws = await server.websocket('/s/0/0/websocket');
    expect(await ws.message()).toBe('o');
    const first = await above(0);
    ws.send('["a"]');
    expect(await ws.message()).toBe('a["a"]');
    await above(first);
    ws.abort();
  });

  test('a ServerResponse of its own writes the answers', async () => {
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

  test('an IncomingMessage of its own reads the requests', async () => {
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

  test('one that comes later sees the next request of a connection after another one came', async () => {
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

  test('server.setTimeout() holds for the next request of a connection', async () => {
    const server = await startService(ingress);
    const connection = server.connect();
    await connection.request('GET', '/s/info');
    server.http.setTimeout(50);
    await server.get('/s/info');
    const stream = await server.open('POST', `${server.session('/s')}/xhr_streaming`);
    await stream.until('o\n');
    await stream.rest();
  });
});
