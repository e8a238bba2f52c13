'use strict';

/**
 * @file Some of the clients of a crowd. Its parent is `crowd.js`.
 */

const { setTimeout: delay } = require('node:timers/promises');

const { answerParent } = require('../support/answers');
const { Client } = require('../support/client');
const { drop, echo, openEcho } = require('./lib/talk');

const { CROWD_PORT, CROWD_PROCESS, CROWD_IDLE, CROWD_ACTIVE } = process.env;

/** Connections that are opened at the same time. */
const AT_ONCE = 50;
/** Milliseconds between an answer and the next message of a client. */
const PAUSE = 250;

/** Of ten clients. Those that poll have a request waiting. */
const MIXTURE = [...Array(7).fill('websocket'), 'websocket', 'xhr-streaming', 'xhr-polling'];

const client = new Client(Number(CROWD_PORT));
const idle = [];
const active = [];
const result = { delays: [], heartbeats: 0, lost: 0 };
const flow = { talks: false };
let leaving = false;

async function gather() {
  const all = Number(CROWD_IDLE) + Number(CROWD_ACTIVE);
  let next = 0;
  const open = async () => {
    while (next < all) {
      const number = next++;
      const transport = MIXTURE[number % MIXTURE.length];
      const link = await openEcho(client, transport, `c${CROWD_PROCESS}-${number}`);
      // Those that talk come last: until they do, nobody answers their pings.
      const talks = number >= Number(CROWD_IDLE);
      (talks ? active : idle).push(link);
      if (!talks) stay(link);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, open));
}

/** An idle client reads, answers pings, polls again; nothing else comes. */
async function stay(link) {
  try {
    for (;;) {
      const frame = await link.next();
      if (frame.kind !== 'heartbeat') throw new Error(JSON.stringify(frame));
      result.heartbeats++;
    }
  } catch (error) {
    if (leaving) return;
    result.lost++;
    process.send({ violation: `${link.plan.name} (${link.plan.transport}): ${error.message}` });
  }
}

async function talk(link, number) {
  await delay((number % 50) * (PAUSE / 50));
  try {
    for (let count = 0; flow.talks; count++) {
      const begun = performance.now();
      await echo(link, `${number}.${count}`);
      result.delays.push(Number((performance.now() - begun).toFixed(1)));
      await delay(PAUSE);
    }
  } catch (error) {
    result.lost++;
    process.send({ violation: `${link.plan.name} (${link.plan.transport}): ${error.message}` });
  }
}

/** @type {Promise<void>[]} */
let talks = [];

answerParent({
  gather,
  async hush() {
    flow.talks = false;
    await Promise.all(talks);
    return result;
  },
});

const orders = {
  talk() {
    flow.talks = true;
    talks = active.map(talk);
  },
  leave() {
    leaving = true;
    for (const link of [...idle, ...active]) drop(link);
    process.disconnect();
  },
};

process.on('SIGINT', () => process.exit());
process.on('disconnect', () => process.exit());
process.on('message', ({ order }) => orders[order]?.());
