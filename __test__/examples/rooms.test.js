'use strict';

/** @file examples/rooms: a chat in which a client is in one room at a time. */

const assert = require('node:assert/strict');
const { describe, it } = require('node:test');

const { TRANSPORTS, connect, startExample, timeout } = require('./support');

/**
 * Connects a client and lets it change to a room.
 *
 * @param {import('node:test').TestContext} t
 * @param {string} url
 * @param {string} transport
 * @param {string} room in which nobody else is
 * @returns {Promise<{socket: object, messages: string[], until: (text: string) => Promise<string[]>}>} `until` gives
 *   the messages up to this one, and forgets them
 */
async function visit(t, url, transport, room) {
  const socket = await connect(t, url, transport);
  const messages = [];
  let check = () => {};
  socket.onmessage = ({ data }) => {
    messages.push(data);
    check();
  };
  const until = (text) =>
    new Promise((resolve) => {
      check = () => {
        const at = messages.indexOf(text);
        if (at < 0) return;
        check = () => {};
        resolve(messages.splice(0, at + 1));
      };
      check();
    });
  socket.send(`/join ${room}`);
  await until(`${room}: 1 here`);
  return { socket, messages, until };
}

describe('examples/rooms', { concurrency: 4 }, () => {
  for (const transport of TRANSPORTS) {
    it(`messages stay in their room, ${transport}`, { timeout }, async (t) => {
      const { url } = await startExample(t, 'rooms');
      const ann = await visit(t, url, transport, 'garden');
      const bob = await visit(t, url, transport, 'library');

      ann.socket.send('only for the garden');
      assert.deepEqual(await ann.until('only for the garden'), ['only for the garden']);
      bob.socket.send('only for the library');
      assert.deepEqual(await bob.until('only for the library'), ['only for the library']);

      bob.socket.send('/join garden');
      assert.deepEqual(await ann.until('garden: 2 here'), ['garden: 2 here']);
      assert.deepEqual(await bob.until('garden: 2 here'), ['garden: 2 here']);
      bob.socket.send('for both');
      assert.deepEqual(await ann.until('for both'), ['for both']);
      assert.deepEqual(await bob.until('for both'), ['for both']);

      bob.socket.close();
      assert.deepEqual(await ann.until('garden: 1 here'), ['garden: 1 here']);
    });
  }

  it('a command with a name that cannot be is a message', { timeout }, async (t) => {
    const { url } = await startExample(t, 'rooms');
    const ann = await visit(t, url, 'websocket', 'garden');
    for (const text of ['/join ', `/join ${'x'.repeat(300)}`, '/join two words']) {
      ann.socket.send(text);
      assert.deepEqual(await ann.until(text), [text]);
    }
  });

  it('everybody starts in the lobby', { timeout }, async (t) => {
    const { url } = await startExample(t, 'rooms');
    const ann = await visit(t, url, 'websocket', 'lobby');
    const bob = await visit(t, url, 'websocket', 'garden');
    await ann.until('lobby: 2 here');
    await ann.until('lobby: 1 here');
    assert.deepEqual(bob.messages, []);
  });
});
