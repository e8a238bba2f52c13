'use strict';

/*
 * Private properties of Node that are read before a connection is taken over. In an unknown version of Node they may be
 * missing or different: then the request goes over the bridge.
 */

const { ingresses } = require('./support/library');
const { startEcho } = require('./support/server');

const fails = () => {
  throw new Error('of another shape');
};

/** What may replace a method or a number. @type {[string, PropertyDescriptor][]} */
const shapes = [
  ['absent', { value: undefined }],
  ['a number', { value: -7 }],
  ['an object', { value: {} }],
  ['a function that throws', { value: fails }],
  ['a getter that throws', { get: fails }],
];

/** The properties: their names, and the objects that have them. @type {[string, (socket: any) => [any, string]][]} */
const ofSockets = [
  ['handle.fd', (socket) => [socket._handle, 'fd']],
  ['handle.readStart', (socket) => [socket._handle, 'readStart']],
  ['socket._httpMessage', (socket) => [socket, '_httpMessage']],
  ['socket._final', (socket) => [socket, '_final']],
];
/** @type {typeof ofSockets} */
const ofParsers = [
  ['parser.getCurrentBuffer', (socket) => [socket.parser, 'getCurrentBuffer']],
  ['parser.consume', (socket) => [socket.parser, 'consume']],
  ['parser.unconsume', (socket) => [socket.parser, 'unconsume']],
  ['parser._consumed', (socket) => [socket.parser, '_consumed']],
];

/** @param {typeof ofSockets} places */
const inAllShapes = (places) =>
  places
    .flatMap(([name, place]) =>
      shapes.map(([shape, descriptor]) => [name, shape, place, descriptor]),
    )
    // It is called after the takeover: the connection then ends at the next request for Node.
    .filter(([name, shape]) => name !== 'parser.unconsume' || shape !== 'a function that throws');

describe.each(ingresses)('private properties of Node, by the %s ingress', (ingress) => {
  /**
   * Calls `run` with a server whose sockets or parsers have a changed property. `run` restores it with `undo`: Node
   * itself needs it later, and reuses its parsers.
   */
  async function withChange([place, descriptor], run) {
    const server = await startEcho(ingress);
    server.http.on('connection', (socket) => {
      const [target, key] = place(socket);
      const before = Object.getOwnPropertyDescriptor(target, key);
      const changed = { configurable: true, ...descriptor };
      Object.defineProperty(target, key, changed);
      undo.push(() => {
        if (before) Object.defineProperty(target, key, before);
        else delete target[key];
      });
    });
    await run(server);
  }
  let undo = [];
  afterEach(() => (undo = []));

  test.each(inAllShapes([...ofSockets.slice(0, 2), ...ofParsers]))(
    'requests are answered where %s is %s',
    async (name, shape, ...change) => {
      await withChange(change, async (server) => {
        const connection = server.connect();
        expect((await connection.request('GET', '/s/info')).status).toBe(200);
        for (const step of undo) step();
        // A request for Node, and then one for the service again.
        expect((await connection.request('PUT', '/s/info')).status).toBe(405);
        expect((await connection.request('GET', '/s/info')).status).toBe(200);
      });
    },
  );

  test.each(inAllShapes(ofSockets))(
    'websockets are served where %s is %s',
    async (name, shape, ...change) => {
      await withChange(change, async (server) => {
        const ws = await server.websocket('/s/0/0/websocket');
        expect(await ws.message()).toBe('o');
        for (const step of undo) step();
        ws.send('["a"]');
        expect(await ws.message()).toBe('a["a"]');
        ws.abort();
      });
    },
  );
});
