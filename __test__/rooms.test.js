'use strict';

/*
 * Rooms: publishing reaches the members as `write` would. 0.3.24 has no rooms.
 */

const { serveFixture } = require('./support/child');
const { addition, ingresses } = require('./support/library');
const { startService } = require('./support/server');
const { every, open, polls, receive } = require('./support/transports');

const turn = () => new Promise(setImmediate);

/** The error for an argument that cannot be. */
const INVALID = expect.objectContaining({
  name: 'TypeError',
  code: 'ERR_SOCKJS_INVALID_ARGUMENT',
});

/** Messages whose form differs from one transport to another. */
const MESSAGES = [
  'x',
  '',
  '"\\/\b\f\n\r\t\u0000\u001f',
  'é ü ß 漢字 \u2028\u2029 😀',
  '\ud800 and \udc00',
  '100 % </script> <!-- "',
  'long '.repeat(2000),
  'lönger 漢 '.repeat(9000),
  null,
  17,
  ['a', 1],
  { toString: () => 'from toString' },
  Buffer.from('bytes \xe9'),
];

/**
 * Opens sessions whose connections are members of the room 'r'.
 *
 * @param {import('./support/server').TestServer} server
 * @param {number} count
 */
async function openMembers(server, count) {
  const members = [];
  for (let i = 0; i < count; i++) {
    const client = await server.websocket(`${server.session('/s')}/websocket`);
    expect(await client.message()).toBe('o');
    const peer = await server.accept();
    expect(peer.conn.join('r')).toBe(true);
    members.push({ client, conn: peer.conn, peer });
  }
  return members;
}

describe.each(ingresses)('rooms, by the %s ingress', (ingress) => {
  describe.each(every)('over %s', (_, transport) => {
    addition('a member receives what write would send', async () => {
      const server = await startService(ingress, { binary: true });
      const writing = await open(server, transport);
      const writer = (await server.accept()).conn;
      const publishing = await open(server, transport);
      const member = (await server.accept()).conn;
      member.join('r');
      for (const message of MESSAGES) {
        expect(writer.write(message)).toBe(true);
        expect(server.service.publish('r', message)).toBe(1);
        const wanted = await received(writing, transport, writer);
        expect(await received(publishing, transport, member)).toBe(wanted);
      }
    });

    addition('messages keep the order of write, publish and close', async () => {
      const server = await startService(ingress);
      const client = await receive(server, transport);
      const { conn } = client.peer;
      conn.join('r');
      const texts = [];
      for (let i = 0; i < 40; i++) {
        texts.push(`m${i}`);
        if (i % 3 === 1) conn.write(`m${i}`);
        else server.service.publish('r', i % 5 === 2 ? long(`m${i}`) : `m${i}`);
        if (i % 7 === 6) await turn();
      }
      server.service.publish('r', 'last');
      conn.close(3001, 'closed');
      server.service.publish('r', 'never');
      const all = await untilClosed(client, transport);
      const order = all.match(/m\d+|last|never/g);
      expect(order).toEqual([...texts, 'last']);
    });

    addition('a connection leaves all rooms before close is emitted', async () => {
      const server = await startService(ingress, { disconnect_delay: 50 });
      const client = await receive(server, transport);
      const { conn } = client.peer;
      conn.join('r');
      conn.join('q');
      const atClose = new Promise((resolve) => {
        conn.on('close', () => resolve([conn.rooms(), server.service.size('r')]));
      });
      client.socket.destroy();
      expect(await atClose).toEqual([[], 0]);
      expect(server.service.rooms()).toEqual([]);
      expect(conn.join('r')).toBe(false);
      expect(server.service.publish('r', 'x')).toBe(0);
    });
  });

  describe.each(polls)('between two requests of %s', (_, transport) => {
    addition('messages wait, in the order of write and publish', async () => {
      const server = await startService(ingress);
      const client = await open(server, transport);
      const { conn } = await server.accept();
      conn.join('r');
      conn.write('1');
      server.service.publish('r', '2');
      server.service.publish('r', long('3'));
      conn.write('4');
      expect(conn.bufferedAmount).toBeGreaterThan(5000);
      const { connection, session } = client;
      const { body } = await connection.request(transport.method, session + transport.path);
      expect(body.match(/1|2|3|4/g)).toEqual(['1', '2', '3', '4']);
    });
  });

  addition('join and leave tell whether they have changed something', async () => {
    const server = await startService(ingress);
    const [{ conn }] = await openMembers(server, 1);
    const { service } = server;
    expect(conn.join('r')).toBe(false);
    expect(conn.join('b')).toBe(true);
    expect(conn.join('a')).toBe(true);
    expect(conn.rooms()).toEqual(['r', 'b', 'a']);
    expect(service.rooms().sort()).toEqual(['a', 'b', 'r']);
    expect(service.size('a')).toBe(1);
    expect(conn.leave('r')).toBe(true);
    expect(conn.leave('r')).toBe(false);
    expect(conn.rooms()).toEqual(['b', 'a']);
    expect(service.size('r')).toBe(0);
    expect(service.size('never joined')).toBe(0);
    conn.close();
    expect([conn.rooms(), conn.join('a'), conn.leave('a'), service.rooms()]).toEqual([
      [],
      false,
      false,
      [],
    ]);
  });

  addition('conn.publish passes by the connection itself, which need not be a member', async () => {
    const server = await startService(ingress);
    const [one, two, three] = await openMembers(server, 3);
    expect(one.conn.publish('r', 'from one')).toBe(2);
    three.conn.leave('r');
    expect(three.conn.publish('r', 'from three')).toBe(2);
    two.conn.close();
    expect(two.conn.publish('r', 'from two, closed')).toBe(1);
    expect(await one.client.message()).toBe('a["from three"]');
    expect(await one.client.message()).toBe('a["from two, closed"]');
    expect(await three.client.message()).toBe('a["from one"]');
  });

  addition('connections can be excepted', async () => {
    const server = await startService(ingress);
    const [one, two, three] = await openMembers(server, 3);
    const { service } = server;
    expect(service.publish('r', '1', { except: one.conn })).toBe(2);
    expect(service.publish('r', '2', { except: [one.conn, two.conn, two.conn] })).toBe(1);
    expect(service.publish('r', '3', { except: [] })).toBe(3);
    expect(service.publish('r', '4', { except: null, local: true })).toBe(3);
    expect(service.broadcast('5', { except: three.conn })).toBe(2);
    expect(await one.client.message()).toBe('a["3"]');
    expect(await three.client.message()).toBe('a["1"]');
    expect(await three.client.message()).toBe('a["2"]');
  });

  addition('a broadcast reaches each connection once its connection event is emitted', async () => {
    const counts = [];
    const server = await startService(ingress, {}, () => {
      counts.push(server.service.broadcast(`for ${counts.length + 1}`));
    });
    const clients = [];
    for (let i = 1; i <= 3; i++) {
      const client = await server.websocket(`${server.session('/s')}/websocket`);
      clients.push(client);
      await server.accept();
    }
    expect(counts).toEqual([1, 2, 3]);
    expect(await clients[2].message()).toBe('o');
    expect(await clients[2].message()).toBe('a["for 3"]');
    expect(await clients[0].message()).toBe('o');
    for (const n of [1, 2, 3]) expect(await clients[0].message()).toBe(`a["for ${n}"]`);
  });

  addition(
    'a connection that was opened together with others gets no broadcast early',
    async () => {
      const seen = new Map();
      const server = await startService(ingress, {}, (conn) => {
        seen.set(conn, seen.size + 1);
        expect(server.service.broadcast('x')).toBe(seen.size);
      });
      const opened = Array.from({ length: 12 }, () =>
        server.websocket(`${server.session('/s')}/websocket`),
      );
      await Promise.all(opened);
      for (let i = 0; i < 12; i++) await server.accept();
      expect(seen.size).toBe(12);
    },
  );

  addition('rooms belong to one service, with all its prefixes', async () => {
    const server = await startService(ingress);
    const { service } = server;
    service.installHandlers(server.http, { prefix: '/t' });
    const [one] = await openMembers(server, 1);
    const other = await server.websocket(`${server.session('/t')}/websocket`);
    const { conn } = await server.accept();
    conn.join('r');
    expect(service.publish('r', 'both')).toBe(2);
    for (const client of [one.client, other]) {
      for (;;) if ((await client.message()) === 'a["both"]') break;
    }
  });

  addition('closeRoom closes all members, and tells how many', async () => {
    const server = await startService(ingress);
    const members = await openMembers(server, 3);
    const { service } = server;
    service.publish('r', 'before');
    const closing = service.closeRoom('r', 3000, 'logged out');
    expect(members.map(({ conn }) => conn.readyState)).toEqual([3, 3, 3]);
    expect(await closing).toEqual({ count: 3, complete: true });
    for (const { client } of members) {
      expect(await client.message()).toBe('a["before"]');
      expect(await client.message()).toBe('c[3000,"logged out"]');
    }
    expect(service.rooms()).toEqual([]);
    expect(await service.closeRoom('r')).toEqual({ count: 0, complete: true });
    expect(await service.count('r')).toEqual({ count: 0, complete: true });
  });

  addition('a room is closed with 1000 by default', async () => {
    const server = await startService(ingress);
    const [{ client }] = await openMembers(server, 1);
    expect(await server.service.count('r')).toEqual({ count: 1, complete: true });
    await server.service.closeRoom('r');
    expect(await client.message()).toBe('c[1000,"Normal closure"]');
  });

  addition('any string of 1 to 255 bytes is a name', async () => {
    const server = await startService(ingress);
    const [{ conn, client }] = await openMembers(server, 1);
    conn.leave('r');
    const names = [
      ...['__proto__', 'constructor', 'toString', 'hasOwnProperty', ' ', '\0', '\ud800', '\udfff'],
      ...['😀', 'é'.repeat(127), 'x'.repeat(255), '漢'.repeat(85), '\ud83d'],
    ];
    for (const name of names) expect(conn.join(name)).toBe(true);
    expect(conn.rooms()).toEqual(names);
    expect(server.service.rooms().sort()).toEqual([...names].sort());
    for (const name of names) {
      expect(server.service.size(name)).toBe(1);
      expect(server.service.publish(name, 'x')).toBe(1);
      expect(await client.message()).toBe('a["x"]');
      expect(conn.leave(name)).toBe(true);
    }
  });

  addition('a name that cannot be throws, and nothing happens', async () => {
    const server = await startService(ingress);
    const [{ conn }] = await openMembers(server, 1);
    const { service } = server;
    const names = [
      ...[undefined, null, '', 1, {}, [], Symbol('s'), Buffer.from('r'), new String('r')],
      ...['x'.repeat(256), 'é'.repeat(128), '漢'.repeat(86), '\ud800'.repeat(86)],
    ];
    const methods = [
      ...[(name) => conn.join(name), (name) => conn.leave(name), (name) => conn.publish(name, 'x')],
      ...[(name) => service.publish(name, 'x'), (name) => service.size(name)],
      ...[(name) => service.count(name), (name) => service.closeRoom(name)],
    ];
    for (const name of names) {
      for (const method of methods) expect(() => method(name)).toThrow(INVALID);
    }
    expect(conn.rooms()).toEqual(['r']);
    expect(conn.bufferedAmount).toBe(0);
  });

  addition('wrong options and codes throw, and nothing happens', async () => {
    const server = await startService(ingress);
    const [{ conn }] = await openMembers(server, 1);
    const { service } = server;
    for (const options of [1, 'x', true, { except: {} }, { except: [conn, null] }, { except: 1 }]) {
      expect(() => service.publish('r', 'x', options)).toThrow(INVALID);
      expect(() => service.broadcast('x', options)).toThrow(INVALID);
    }
    for (const [code, reason] of [
      ['1000'],
      [999],
      [2000],
      [5000],
      [NaN],
      [3000, 1],
      [3000, null],
    ]) {
      expect(() => service.closeRoom('r', code, reason)).toThrow(INVALID);
    }
    expect([conn.readyState, conn.bufferedAmount]).toEqual([1, 0]);
  });

  addition('a message whose toString throws is treated as by write', async () => {
    const lines = [];
    const log = (severity, line) => lines.push([severity, line]);
    const server = await startService(ingress, { log });
    const [{ conn, client }] = await openMembers(server, 1);
    const fails = () => {
      throw new Error('not a string');
    };
    expect(() => server.service.publish('r', { toString: fails })).toThrow('not a string');
    expect(() => server.service.publish('r', Symbol('s'))).toThrow(TypeError);
    expect(server.service.publish('r', { toString: 1, valueOf: 1 })).toBe(0);
    expect(conn.publish('r', Object.create(null))).toBe(0);
    expect(lines.filter(([, line]) => line.includes('cannot be converted'))).toHaveLength(2);
    server.service.publish('r', 'y');
    expect(await client.message()).toBe('a["y"]');
  });

  addition('what is published just before the process exits is sent', async () => {
    const { child, client } = await serveFixture(ingress, 'publishes-and-exits.js');
    const clients = [];
    for (const [protocol, transport] of every) {
      if (transport.polls) continue;
      const { wire } = await open(client, transport);
      await child.line(new RegExp(`^open ${protocol}$`));
      clients.push({ protocol, wire });
    }
    child.process.kill('SIGUSR2');
    for (const { protocol, wire } of clients) {
      expect([protocol, await wire.end()]).toEqual([protocol, expect.stringContaining('goodbye')]);
    }
    await child.exit();
  });

  addition('what is published before the application ends the socket is sent', async () => {
    const server = await startService(ingress);
    const sockets = [];
    server.http.on('connection', (socket) => sockets.push(socket));
    for (const method of ['end', 'destroySoon']) {
      const client = await server.websocket(`${server.session('/s')}/websocket`);
      const { conn } = await server.accept();
      conn.join('r');
      server.service.publish('r', method);
      sockets.at(-1)[method]();
      expect(await client.message()).toBe('o');
      expect(await client.message()).toBe(`a["${method}"]`);
    }
  });

  addition('a server that is closed after a publish closes, although a client polls', async () => {
    const server = await startService(ingress);
    const [, transport] = polls[0];
    const { peer, connection, session } = await receive(server, transport);
    peer.conn.join('r');
    server.service.publish('r', 'closing');
    const closed = new Promise((resolve) => server.http.close(resolve));
    // Later versions of Node do this in `close`.
    if (Number(process.versions.node.split('.')[0]) < 19) server.http.closeIdleConnections();
    expect((await (await connection.response()).rest()).toString()).toContain('closing');
    connection.send(transport.method, session + transport.path);
    await connection.end();
    await closed;
  });

  addition('members of the application have precedence on their connection', async () => {
    const server = await startService(ingress);
    const [{ conn, client }] = await openMembers(server, 1);
    Object.assign(conn, { join: 1, leave: 'x', rooms: new Set(['mine']), publish: null });
    expect(conn.rooms).toEqual(new Set(['mine']));
    expect(Object.keys(conn)).toEqual(expect.arrayContaining(['join', 'rooms']));
    expect(server.service.publish('r', 'x')).toBe(1);
    expect(await client.message()).toBe('a["x"]');
    await server.service.closeRoom('r');
    expect(conn.readyState).toBe(3);
  });

  addition('a member that closes while a message is published disturbs no other', async () => {
    const server = await startService(ingress, { max_buffered: 1000 });
    const members = await openMembers(server, 5);
    const large = 'x'.repeat(2000);
    members[2].conn.on('close', () => server.service.publish('r', 'one has gone'));
    expect(server.service.publish('r', large, { except: members[4].conn })).toBe(4);
    expect(server.service.publish('r', 'after')).toBeGreaterThan(0);
    const last = members[4].client;
    expect(await last.message()).toBe('a["after"]');
  });

  addition('publishing from listeners of every kind reaches the members in order', async () => {
    const server = await startService(ingress, {}, (conn) => {
      const { service } = server;
      conn.join('all');
      service.publish('all', 'opened');
      conn.on('data', (message) => {
        service.publish('all', `data ${message}`);
        if (message === 'stop') conn.close();
      });
      conn.on('end', () => service.publish('all', 'end'));
      conn.on('close', () => service.publish('all', 'close'));
    });
    const { service } = server;
    const watcher = await server.websocket(`${server.session('/s')}/websocket`);
    expect(await watcher.message()).toBe('o');
    expect(await watcher.message()).toBe('a["opened"]');
    const client = await server.websocket(`${server.session('/s')}/websocket`);
    client.send('["1"]');
    client.send('["stop"]');
    const expected = ['opened', 'data 1', 'data stop', 'end', 'close'];
    for (const text of expected) expect(await watcher.message()).toBe(`a["${text}"]`);
    process.nextTick(() => service.publish('all', 'tick'));
    queueMicrotask(() => service.publish('all', 'microtask'));
    setImmediate(() => service.publish('all', 'immediate'));
    const later = [await watcher.message(), await watcher.message(), await watcher.message()];
    expect(later.sort()).toEqual(['a["immediate"]', 'a["microtask"]', 'a["tick"]']);
  });

  addition('a volatile message passes by those for whom much waits', async () => {
    const server = await startService(ingress, { high_water_mark: 100_000 });
    const [quick, slow] = await openMembers(server, 2);
    slow.client.wire.socket.pause();
    const chunk = 'x'.repeat(500_000);
    while (slow.conn.bufferedAmount <= 100_000) {
      slow.conn.write(chunk);
      await turn();
    }
    expect(server.service.publish('r', 'v1', { volatile: true })).toBe(1);
    expect(server.service.publish('r', 'v2')).toBe(2);
    expect(server.service.broadcast('v3', { volatile: true, except: quick.conn })).toBe(0);
    expect(await quick.client.message()).toBe('a["v1"]');
    expect(await quick.client.message()).toBe('a["v2"]');
    slow.client.wire.socket.resume();
    for (;;) {
      const text = await slow.client.message();
      expect(text).not.toContain('v1');
      if (text === 'a["v2"]') break;
    }
  });
});

/** A message long enough to be held once, with `text` in it. */
function long(text) {
  return text + '-'.repeat(6000);
}

/**
 * Waits for a message.
 *
 * @param {Awaited<ReturnType<typeof open>>} client
 * @param {import('./support/transports').Transport} transport
 * @param {object} conn the connection, on which nothing but the message has been written
 * @returns {Promise<string>} the bytes that brought it, as Latin-1, and what marks its end
 */
async function received(client, transport, conn) {
  if (transport.polls) return poll(client, transport);
  conn.write('END');
  return until(client, 'END');
}

async function poll({ connection, session }, { method, path }) {
  return (await connection.request(method, session + path)).body;
}

function until({ wire }, mark) {
  return wire.read(() => {
    const at = wire.buffer.indexOf(mark);
    return at < 0 ? undefined : wire.take(at + mark.length).toString('latin1');
  }, mark);
}

/** @returns {Promise<string>} all that a client gets until it is told that its session is closed */
async function untilClosed(client, transport) {
  if (!transport.polls) return until(client, 'closed');
  let all = (await client.connection.response().then(async (it) => it.rest())).toString();
  while (!all.includes('closed')) all += await poll(client, transport);
  return all;
}
