'use strict';

/** @file examples/multiplex: several channels on one connection, one of them a room for all clients. */

const assert = require('node:assert/strict');
const fs = require('node:fs');
const { createRequire } = require('node:module');
const path = require('node:path');
const { describe, it } = require('node:test');
const vm = require('node:vm');

const { ROOT, TRANSPORTS, connect, startExample, timeout } = require('./support');

/** The package's script for pages. It also runs in Node. */
const CLIENT = createRequire(path.join(ROOT, 'examples/package.json')).resolve(
  'websocket-multiplex/multiplex_client.js',
);
const WebSocketMultiplex = vm.runInThisContext(
  `${fs.readFileSync(CLIENT, 'utf8')}; WebSocketMultiplex`,
  { filename: CLIENT },
);

/**
 * Joins a channel of a connection.
 *
 * @returns {Promise<object>} the channel
 */
async function join(channels, name) {
  const channel = channels.channel(name);
  await new Promise((resolve) => (channel.onopen = resolve));
  return channel;
}

/** @returns {Promise<string>} the next message of a channel */
const message = (channel) =>
  new Promise((resolve) => (channel.onmessage = ({ data }) => resolve(data)));

describe('examples/multiplex', { concurrency: 4 }, () => {
  for (const transport of TRANSPORTS) {
    it(`each connection has an echo and the room, ${transport}`, { timeout }, async (t) => {
      const { url } = await startExample(t, 'multiplex');
      const people = [];
      for (const name of ['ann', 'bob']) {
        const channels = new WebSocketMultiplex(await connect(t, url, transport));
        const [echo, room] = [await join(channels, 'echo'), await join(channels, 'room')];
        // All in the room get the message, the sender too.
        const received = [...people.map((each) => each.room), room].map(message);
        room.send(`${name} is here`);
        for (const text of await Promise.all(received)) assert.equal(text, `${name} is here`);
        people.push({ echo, room });
      }
      const [ann, bob] = people;

      // A message to ann's echo reaches neither the room nor bob.
      const inRoom = [message(ann.room), message(bob.room)];
      const echoed = [message(ann.echo), message(bob.echo)];
      ann.echo.send('only for ann');
      assert.equal(await echoed[0], 'only for ann');
      bob.room.send('hello, ann');
      assert.deepEqual(await Promise.all(inRoom), ['hello, ann', 'hello, ann']);
      bob.echo.send('only for bob');
      assert.equal(await echoed[1], 'only for bob');
    });
  }
});
