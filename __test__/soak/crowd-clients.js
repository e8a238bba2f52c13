'use strict';

/**
 * @file Clients of the run `crowd`. The parent is `crowd.js`.
 */

const { setTimeout: delay } = require('node:timers/promises');

const { answerParent } = require('../support/answers');
const { Client } = require('../support/client');
const { drop, echo, openEcho } = require('./lib/echo-client');

const { CROWD_PORT, CROWD_PROCESS, CROWD_IDLE, CROWD_ACTIVE } = process.env;

/** How many connections are opened at the same time. */
const CONCURRENCY = 50;
/** Milliseconds between an answer and the next message of a client. */
const PAUSE = 250;

/** The transports of ten clients. */
const MIXTURE = [...Array(7).fill('websocket'), 'websocket', 'xhr-streaming', 'xhr-polling'];

const client = new Client(Number(CROWD_PORT));
const idle = [];
const active = [];
const result = { delays: [], heartbeats: 0, lost: 0 };
const state = { sends: false, disconnects: false };

async function open() {
  const all = Number(CROWD_IDLE) + Number(CROWD_ACTIVE);
  let next = 0;
  const openNext = async () => {
    while (next < all) {
      const number = next++;
      const transport = MIXTURE[number % MIXTURE.length];
      const link = await openEcho(client, transport, `c${CROWD_PROCESS}-${number}`);
      // Active clients are opened last, because they do not answer pings before `start`.
      const isActive = number >= Number(CROWD_IDLE);
      (isActive ? active : idle).push(link);
      if (!isActive) readHeartbeats(link);
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, openNext));
}

/** An idle client answers pings and polls again. It must receive only heartbeats. */
async function readHeartbeats(link) {
  try {
    for (;;) {
      const frame = await link.next();
      if (frame.kind !== 'heartbeat') throw new Error(JSON.stringify(frame));
      result.heartbeats++;
    }
  } catch (error) {
    if (state.disconnects) return;
    result.lost++;
    process.send({ violation: `${link.plan.name} (${link.plan.transport}): ${error.message}` });
  }
}

async function sendMessages(link, number) {
  await delay((number % 50) * (PAUSE / 50));
  try {
    for (let count = 0; state.sends; count++) {
      const start = performance.now();
      await echo(link, `${number}.${count}`);
      result.delays.push(Number((performance.now() - start).toFixed(1)));
      await delay(PAUSE);
    }
  } catch (error) {
    result.lost++;
    process.send({ violation: `${link.plan.name} (${link.plan.transport}): ${error.message}` });
  }
}

/** @type {Promise<void>[]} */
let runs = [];

answerParent({
  open,
  async stop() {
    state.sends = false;
    await Promise.all(runs);
    return result;
  },
});

const orders = {
  start() {
    state.sends = true;
    runs = active.map(sendMessages);
  },
  disconnect() {
    state.disconnects = true;
    for (const link of [...idle, ...active]) drop(link);
    process.disconnect();
  },
};

process.on('SIGINT', () => process.exit());
process.on('disconnect', () => process.exit());
process.on('message', ({ order }) => orders[order]?.());
