'use strict';

/*
 * What is private to Node on a socket, and looked at by the bridge and by upgrades that are answered as
 * requests: it may be missing, or of another shape, in a version that is not known here.
 */

const { ingresses, isOracle } = require('./support/library');
const { startServer } = require('./support/server');

const fails = () => {
  throw new Error('of another shape');
};

/** What may be found instead. @type {[string, PropertyDescriptor][]} */
const shapes = [
  ['absent', { value: undefined, writable: true }],
  ['a number', { value: -7, writable: true }],
  ['an object', { value: {}, writable: true }],
  ['a function that throws', { value: fails, writable: true }],
  ['not to be written', { value: undefined }],
  ['a getter that throws', { get: fails, set: fails }],
];

const rows = ['server', '_httpMessage', '_getsockname']
  .flatMap((name) => shapes.map(([shape, descriptor]) => [name, shape, descriptor]))
  // Node's responses read it, too.
  .filter(([name, shape]) => name !== 'server' || shape !== 'a getter that throws');

// 0.3.24 leaves such upgrades unanswered.
(isOracle ? describe.skip : describe).each(ingresses)('by the %s ingress', (ingress) => {
  /**
   * A server on which a property of a socket is another while a handler of ours has an upgrade. Node itself
   * needs most of them before and after.
   */
  function start(name, descriptor, form) {
    const serve = (httpServer, service) => {
      if (form === 'middleware') return service.middleware().upgrade;
      service.installHandlers(httpServer);
      const [ours] = httpServer.listeners('upgrade');
      httpServer.removeListener('upgrade', ours);
      return ours;
    };
    return startServer(ingress, {
      install: (httpServer, library) => {
        const service = library.createServer({ prefix: '/s' });
        service.on('connection', (conn) => conn.on('data', (message) => conn.write(message)));
        const handle = serve(httpServer, service);
        httpServer.on('upgrade', (request, socket, head) => {
          const before = Object.getOwnPropertyDescriptor(socket, name);
          Object.defineProperty(socket, name, { configurable: true, ...descriptor });
          // As Node, which assigns some of them when it reads a request again.
          const restore = () => {
            if (before) Object.defineProperty(socket, name, before);
            else delete socket[name];
          };
          if (form === 'installHandlers') httpServer.prependOnceListener('connection', restore);
          try {
            handle.call(httpServer, request, socket, head);
          } finally {
            restore();
          }
        });
      },
      app: (request, response) => response.writeHead(200, { Connection: 'close' }).end(),
    });
  }

  for (const form of ['middleware', 'installHandlers']) {
    test.each(rows)(
      `where socket.%s is %s, upgrades do no harm, by ${form}`,
      async (name, shape, descriptor) => {
        const server = await start(name, descriptor, form);
        const plain = await server.handshake('/s/info');
        // Node itself may have no response for such a socket.
        expect(await plain.end()).toMatch(/^$|^HTTP\/1\.1 200 /);
        const ws = await server.websocket('/s/websocket');
        ws.send('x');
        expect(await ws.message()).toBe('x');
        ws.abort();
      },
    );
  }
});
