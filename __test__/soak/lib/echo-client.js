'use strict';

/**
 * @file Clients of the echo service: one message at a time, over any transport.
 */

const { Random } = require('../../support/random');
const { every } = require('../../support/transports');
const { linkFor } = require('./links');

const TRANSPORTS = every.map(([name]) => name);

/**
 * Opens a session with the echo service.
 *
 * @param {import('../../support/client').Client} client
 * @param {string} transport
 * @param {string} name
 */
async function openEcho(client, transport, name) {
  const plan = {
    name,
    prefix: '/s',
    transport,
    upgraded: transport.startsWith('websocket'),
    raw: transport === 'websocket-raw',
    foreign: false,
    ending: 'reset',
  };
  const link = linkFor(client, plan, new Random(1));
  await link.open();
  const { kind } = await link.next();
  if (kind !== 'open') throw new Error(`${kind} instead of open`);
  return link;
}

/**
 * Sends a message and waits for its echo.
 *
 * @param {Awaited<ReturnType<typeof openEcho>>} link
 * @param {string} text
 */
async function echo(link, text) {
  await link.send([text]);
  for (;;) {
    const frame = await link.next();
    if (frame.kind === 'heartbeat') continue;
    if (frame.kind !== 'messages' || frame.messages.length !== 1 || frame.messages[0] !== text) {
      throw new Error(`${JSON.stringify(frame)} instead of ${text}`);
    }
    return;
  }
}

/** @param {Awaited<ReturnType<typeof openEcho>>} link */
function drop(link) {
  link.gone = true;
  link.sender?.abort();
  link.receiver.abort();
}

module.exports = { TRANSPORTS, openEcho, echo, drop };
