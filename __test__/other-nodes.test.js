'use strict';

/*
 * What is private to Node, and looked at before a connection is taken, may be missing or of another shape in a
 * version that is not known here: then the request goes over the bridge.
 */

const { ingresses } = require('./support/library');
const { startEcho } = require('./support/server');

const fails = () => {
  throw new Error('of another shape');
};

/** What may be found in the place of a method or a number. @type {[string, PropertyDescriptor][]} */
const shapes = [
  ['absent', { value: undefined }],
  ['a number', { value: -7 }],
  ['an object', { value: {} }],
  ['a function that throws', { value: fails }],
  ['a getter that throws', { get: fails }],
];

/** Where it is looked for. @type {[string, (socket: any) => [any, string]][]} */
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
    // It is called when the connection has been taken, which then ends at the next request that is Node's.
    .filter(([name, shape]) => name !== 'parser.unconsume' || shape !== 'a function that throws');

describe.each(ingresses)('by the %s ingress', (ingress) => {
  /**
   * Does something with a server whose sockets, or what belongs to them, look different while it lasts: Node itself
   * needs them later, and uses its parsers again.
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
    'where %s is %s, requests are answered',
    async (name, shape, ...change) => {
      await withChange(change, async (server) => {
        const connection = server.connect();
        expect((await connection.request('GET', '/s/info')).status).toBe(200);
        for (const step of undo) step();
        // Node's, and then ours again.
        expect((await connection.request('PUT', '/s/info')).status).toBe(405);
        expect((await connection.request('GET', '/s/info')).status).toBe(200);
      });
    },
  );

  test.each(inAllShapes(ofSockets))(
    'where %s is %s, websockets are served',
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
