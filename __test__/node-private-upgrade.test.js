'use strict';

/*
 * Private properties of Node's sockets that the bridge reads, and upgrades that are answered as requests. In an unknown
 * version of Node they may be missing or different.
 */

const { ingresses, isOracle } = require('./support/library');
const { startServer } = require('./support/server');

const fails = () => {
  throw new Error('of another shape');
};

/** What may replace them. @type {[string, PropertyDescriptor][]} */
const shapes = [
  ['absent', { value: undefined, writable: true }],
  ['a number', { value: -7, writable: true }],
  ['an object', { value: {}, writable: true }],
  ['a function that throws', { value: fails, writable: true }],
  ['read-only', { value: undefined }],
  ['a getter that throws', { get: fails, set: fails }],
];

const rows = ['server', '_httpMessage', '_getsockname']
  .flatMap((name) => shapes.map(([shape, descriptor]) => [name, shape, descriptor]))
  // Node's responses read it too.
  .filter(([name, shape]) => name !== 'server' || shape !== 'a getter that throws');

// 0.3.24 leaves such upgrades unanswered.
(isOracle ? describe.skip : describe).each(ingresses)(
  'private properties of sockets, by the %s ingress',
  (ingress) => {
    /**
     * Starts a server that changes a property of the socket while the service handles an upgrade. Node itself needs most
     * of the properties before and after.
     */
    function start(name, descriptor, form) {
      const serve = (httpServer, service) => {
        if (form === 'middleware') return service.middleware().upgrade;
        service.installHandlers(httpServer);
        const [listener] = httpServer.listeners('upgrade');
        httpServer.removeListener('upgrade', listener);
        return listener;
      };
      return startServer(ingress, {
        install: (httpServer, library) => {
          const service = library.createServer({ prefix: '/s' });
          service.on('connection', (conn) => conn.on('data', (message) => conn.write(message)));
          const handle = serve(httpServer, service);
          httpServer.on('upgrade', (request, socket, head) => {
            const before = Object.getOwnPropertyDescriptor(socket, name);
            Object.defineProperty(socket, name, { configurable: true, ...descriptor });
            // Earlier where Node reads the request again, because it assigns some of them.
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
        `upgrades are answered by ${form} where socket.%s is %s`,
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
  },
);
