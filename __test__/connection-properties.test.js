'use strict';

/*
 * The properties of a connection: listed, copied, wrapped, overwritten and logged.
 */

const { inspect } = require('util');
const { addition, ingresses } = require('./support/library');
const { startService } = require('./support/server');
const { every, receive } = require('./support/transports');

/** The own properties of a connection before it has listeners. */
const OWN = [
  ...['_session', 'id', 'headers', 'prefix'],
  ...['remoteAddress', 'remotePort', 'address', 'url', 'pathname', 'protocol'],
];

/** Some of what `for (const name in conn)` finds in addition. */
const INHERITED = [
  ...['constructor', 'toString', 'write', 'end', 'close', 'destroy', 'destroySoon'],
  ...['readable', 'writable', 'readyState', 'pipe', 'on', 'once', 'emit', 'removeListener'],
];

describe.each(ingresses)('the properties of a connection, by the %s ingress', (ingress) => {
  test.each(every)('%s: they are its own and enumerable', async (name, transport) => {
    const found = {};
    const server = await startService(ingress);
    server.service.prependListener('connection', (conn) => {
      found.keys = Object.keys(conn);
      found.names = Object.getOwnPropertyNames(conn);
      found.symbols = Object.getOwnPropertySymbols(conn);
    });
    await receive(server, transport);
    expect(found).toEqual({ keys: OWN, names: OWN, symbols: [] });
  });

  test.each(every)('%s: a copy has them', async (name, transport) => {
    const server = await startService(ingress);
    const { peer, session, socket } = await receive(server, transport);
    const { conn } = peer;
    for (const copy of [{ ...conn }, Object.assign({}, conn)]) {
      expect(copy.id).toBe(conn.id);
      expect(copy.protocol).toBe(name);
      expect(copy.prefix).toBe('/s');
      expect(copy.url.startsWith(session)).toBe(true);
      expect(copy.pathname).toBe(copy.url.split('?')[0]);
      expect([copy.remoteAddress, copy.remotePort]).toEqual(['127.0.0.1', socket.localPort]);
      expect(copy.address.port).toBe(server.address);
      expect(copy.headers).toEqual({ host: 'localhost' });
      expect(copy._session).toBe(conn._session);
    }
  });

  test('for … in also finds the methods', async () => {
    const server = await startService(ingress);
    const { peer } = await receive(server, every[0][1]);
    const found = [];
    for (const name in peer.conn) found.push(name);
    expect(found).toEqual(expect.arrayContaining([...OWN, ...INHERITED]));
    expect(found.filter((name) => name.startsWith('_'))).toEqual([
      '_session',
      '_events',
      '_eventsCount',
      '_maxListeners',
    ]);
  });

  test.each([
    ['a copy with its methods', (conn) => copyWithMethods(conn)],
    ['an object whose prototype it is', (conn) => Object.create(conn)],
    ['a Proxy of it', (conn) => new Proxy(conn, {})],
  ])('%s can write and close', async (name, wrap) => {
    const server = await startService(ingress);
    const ws = await server.websocket('/s/0/0/websocket');
    expect(await ws.message()).toBe('o');
    const wrapped = wrap((await server.accept()).conn);
    expect(wrapped.write('x')).toBe(true);
    expect(await ws.message()).toBe('a["x"]');
    wrapped.close();
    expect(await ws.message()).toBe('c[1000,"Normal closure"]');
  });

  test.each(every)('%s: the application can overwrite and delete them', async (name, transport) => {
    const server = await startService(ingress);
    const { peer } = await receive(server, transport);
    const { conn } = peer;
    const facts = { headers: { mine: '1' }, url: '/mine', pathname: '/p', protocol: 'mine' };
    const address = { remoteAddress: '10.0.0.1', remotePort: 1, address: {}, id: 'me' };
    Object.assign(conn, facts, address);
    expect(conn).toMatchObject({ ...facts, ...address });
    expect({ ...conn }).toMatchObject({ ...facts, ...address });
    expect(Object.keys(conn).slice(0, OWN.length)).toEqual(OWN);
    delete conn.headers;
    expect(conn.headers).toBe(undefined);
  });

  test('over a unix socket there are no addresses and ports', async () => {
    const server = await startService(ingress, {}, undefined, { unix: true });
    await server.websocket('/s/0/0/websocket');
    const { conn } = await server.accept();
    expect(Object.keys(conn).filter((name) => /address|port/i.test(name))).toEqual([]);
  });

  addition('util.inspect shows them in fewer than 10 lines', async () => {
    const server = await startService(ingress);
    const { peer } = await receive(server, every[0][1]);
    const { conn } = peer;
    const text = inspect(conn);
    expect(text).toMatch(/^SockJSConnection \{/);
    expect(text.split('\n').length).toBeLessThan(10);
    expect(text).toContain(`id: '${conn.id}'`);
    for (const fact of ["protocol: 'websocket'", 'readyState: 1', "remoteAddress: '127.0.0.1'"]) {
      expect(text).toContain(fact);
    }
    expect(text).toContain(`url: '${conn.url}'`);
    expect(inspect([conn], { depth: 0 })).toContain('[SockJSConnection]');
    expect(inspect([conn], { breakLength: Infinity }).split('\n').length).toBe(1);
  });
});

/** @param {object} conn */
function copyWithMethods(conn) {
  const copy = {};
  for (const name in conn) {
    if (name !== 'readable' && name !== 'writable' && name !== 'readyState') {
      copy[name] = conn[name];
    }
  }
  return copy;
}
