'use strict';

/*
 * Which of didTimeout() and didClose() a session calls when it ends, and how often: packages such as shoe replace both,
 * and end their connection in them.
 */

const { ingresses } = require('./support/library');
const { startService } = require('./support/server');
const { every, polls, receive, requests } = require('./support/transports');

describe.each(ingresses)('didTimeout or didClose is called, by the %s ingress', (ingress) => {
  /**
   * Opens a session and replaces its methods, as shoe does.
   *
   * @param {object} transport
   * @param {(conn: object) => void} [inside] what the replacement does before it calls the original
   */
  async function start(transport, inside = () => {}) {
    const server = await startService(ingress, { disconnect_delay: 200 });
    const { peer, ...client } = await receive(server, transport);
    const calls = [];
    const session = peer.conn._session;
    for (const name of ['didTimeout', 'didClose']) {
      const original = session[name];
      session[name] = function replaced(...args) {
        calls.push(`${name} ${peer.conn.readyState}`);
        inside(peer.conn);
        return original.apply(this, args);
      };
    }
    return { client, peer, calls };
  }

  /** @returns {string} the method that a session of the transport calls */
  const methodOf = (transport) =>
    transport.protocol === 'websocket-raw' ? 'didClose' : 'didTimeout';

  test.each(every)('%s: once when the client leaves', async (name, transport) => {
    const { client, peer, calls } = await start(transport);
    client.socket.destroy();
    await peer.until('close');
    expect(calls).toEqual([`${methodOf(transport)} 1`]);
    expect(peer.events).toEqual([['end'], ['close']]);
  });

  test.each(every)('%s: once when it ends the connection itself', async (name, transport) => {
    let closed = 0;
    const { client, peer, calls } = await start(transport, (conn) => {
      conn.on('close', () => closed++);
      conn.end('last words');
    });
    client.socket.destroy();
    await peer.until('close');
    expect(calls).toEqual([`${methodOf(transport)} 1`]);
    expect(peer.events).toEqual([['end'], ['close']]);
    expect([closed, peer.conn.readyState]).toEqual([1, 3]);
  });

  test.each(every)('%s: once when it destroys the connection itself', async (name, transport) => {
    let seen;
    const destroyed = new Promise((resolve) => (seen = resolve));
    const { client, peer, calls } = await start(transport, (conn) => {
      conn.destroy();
      seen();
    });
    client.socket.destroy();
    await destroyed;
    expect(calls).toEqual([`${methodOf(transport)} 1`]);
    expect(peer.conn.readyState).toBe(3);
    expect(peer.events).toEqual([]);
  });

  test.each(every)('%s: once after close()', async (name, transport) => {
    const { client, peer, calls } = await start(transport, (conn) => conn.destroy());
    const ended = new Promise((resolve) => {
      const session = peer.conn._session;
      const end = session[methodOf(transport)];
      session[methodOf(transport)] = function replaced() {
        end.call(this);
        resolve();
      };
    });
    expect(peer.conn.close(3000, 'x')).toBe(true);
    const atOnce = transport.protocol === 'websocket';
    expect(calls).toEqual(atOnce ? ['didTimeout 2'] : []);
    if (transport.protocol === 'websocket-raw') client.socket.destroy();
    await ended;
    expect(calls).toEqual([`${methodOf(transport)} 2`]);
  });

  test.each(requests)('%s: once when the client leaves after close()', async (name, transport) => {
    const { client, peer, calls } = await start(transport);
    peer.conn.close();
    client.socket.destroy();
    await peer.until('close');
    expect(calls).toEqual(['didTimeout 2']);
  });

  test.each(polls)('%s: once when no further poll comes', async (name, transport) => {
    const { peer, calls } = await start(transport, (conn) => conn.destroy());
    const { conn } = peer;
    // Answers the poll.
    conn.write('x');
    await new Promise((resolve) => {
      const end = conn._session.didTimeout;
      conn._session.didTimeout = function replaced() {
        end.call(this);
        resolve();
      };
    });
    expect(calls).toEqual(['didTimeout 1']);
  });
});
