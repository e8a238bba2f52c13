'use strict';

/**
 * @file The clients of the steady run, in a process of their own. SOAK_SESSIONS sessions are open at the
 * same time. Each follows its plan. The parent is `steady.js`.
 */

const { monitorEventLoopDelay } = require('node:perf_hooks');
const { setTimeout: delay } = require('node:timers/promises');

const { answerParent } = require('../support/answers');
const { Client } = require('../support/client');
const { Random } = require('../support/random');
const { linkFor } = require('./lib/links');
const { runInvalidClient } = require('./lib/invalid-clients');
const { Plans, RESIDENTS, confirmation, hash, shortened } = require('./lib/plan');

const { SOAK_SEED, SOAK_SESSIONS, SOAK_PROCESS, SOAK_TAKEOVER, SOAK_BRIDGE } = process.env;

/** How many of the clients are invalid ones. */
const INVALID = 0.3;

const plans = new Plans(Number(SOAK_SEED));
const random = new Random(Number(SOAK_SEED), 6, Number(SOAK_PROCESS));
const servers = {
  takeover: new Client(Number(SOAK_TAKEOVER)),
  bridge: new Client(Number(SOAK_BRIDGE)),
};

const counts = {
  sessions: 0,
  invalid: 0,
  received: 0,
  sent: 0,
  foreign: 0,
  heartbeats: 0,
  largest: 0,
  stall: 0,
};
/** Delays of the event loop. `stall` is the longest one, in milliseconds. */
const lag = monitorEventLoopDelay({ resolution: 20 });
lag.enable();
/** @type {Record<string, number>} how many sessions ended without a violation, by transport */
const transports = {};
/** A violation: the session ends. */
class Violation extends Error {}

/** The sessions that have not ended. @type {Set<Session>} */
const active = new Set();

/** Whether new sessions are opened, and whether residents send messages. */
const state = { opensSessions: false, residentsSend: false };
let numbered = 0;
/** @type {Promise<void>[]} */
let runs = [];

/** One session, from its opening to its end. */
class Session {
  constructor(name) {
    this.plan = plans.of(name);
    const own = new Random(Number(SOAK_SEED), 7, hash(name));
    this.random = own;
    this.link = linkFor(servers[this.plan.ingress], this.plan, own);
    this.received = 0;
    this.sent = 0;
    this.step = 'opening';
  }

  async run() {
    const { plan, link } = this;
    active.add(this);
    try {
      await link.open();
      this.expect('open', (await link.next()).kind);
      this.step = 'exchanging messages';
      if (plan.slow) this.readSlowly();
      const disconnects = plan.ending === 'reset' || plan.ending === 'half-close';
      if (disconnects) {
        await this.sendAndDisconnect();
      } else {
        const [last] = await Promise.all([this.read(), this.send()]);
        this.step = last;
        if (last === 'leaving') await link.leave();
        else await link.close();
      }
      counts.foreign += link.foreign;
      transports[plan.transport] = (transports[plan.transport] ?? 0) + 1;
    } catch (error) {
      const what = error instanceof Violation ? error.message : error.stack;
      report(plan.name, what, this.state());
      // Gives the parent time to ask the server for the state of this session before the session ends.
      await delay(1000);
    } finally {
      this.over = true;
      active.delete(this);
      link.sender?.abort();
      link.receiver?.abort();
    }
  }

  /** The client disconnects before the session is complete. Errors after that do not matter. */
  async sendAndDisconnect() {
    const reading = this.read().catch((error) => {
      if (!this.disconnected) throw error;
    });
    await Promise.all([reading, this.send().then(() => this.disconnect())]);
  }

  disconnect() {
    this.step = 'disconnecting';
    this.disconnected = true;
    this.link.disconnect();
  }

  state() {
    const { received, sent, step, plan } = this;
    return { received, sent, step, plan };
  }

  expect(expected, actual) {
    if (actual !== expected) throw new Violation(`${shortened(actual)} instead of ${expected}`);
  }

  async send() {
    const { plan, link } = this;
    while (this.sent < plan.sent) {
      const batch = Math.min(this.random.int(1, 6), plan.sent - this.sent);
      const texts = Array.from({ length: batch }, (_, index) =>
        plans.message(plan, 'up', this.sent + index),
      );
      this.sent += batch;
      counts.sent += batch;
      for (const text of texts) counts.largest = Math.max(counts.largest, text.length);
      await link.send(texts);
      await delay(this.random.int(0, 120));
    }
  }

  /** @returns {Promise<'leaving' | 'closing'>} the next step, when everything has arrived */
  async read() {
    const { plan, link } = this;
    for (;;) {
      const frame = await link.next();
      if (frame.kind === 'heartbeat') {
        counts.heartbeats++;
      } else if (frame.kind === 'messages') {
        if (this.take(frame.messages)) return 'closing';
      } else if (frame.kind === 'closed') {
        this.expect('server 4000 done', `${plan.ending} ${frame.code} ${frame.reason}`);
        this.expect(plan.down, this.received);
        return 'leaving';
      } else {
        throw new Violation('a second open frame');
      }
    }
  }

  /**
   * @param {string[]} messages
   * @returns {boolean} whether these were the last ones, and the client has to close
   */
  take(messages) {
    const { plan } = this;
    let done = false;
    for (const message of messages) {
      if (done) throw new Violation(`a message after the last one: ${shortened(message)}`);
      done = this.received === plan.down && plan.ending === 'client';
      const expected = done ? confirmation(plan) : plans.message(plan, 'down', this.received);
      if (message !== expected || (this.received >= plan.down && !done)) {
        const which = `message ${this.received} of ${plan.down}`;
        throw new Violation(`${which} is ${shortened(message)}, expected ${shortened(expected)}`);
      }
      this.received++;
      counts.received++;
    }
    return done;
  }

  /**
   * Stops reading for a while, again and again, so that the server has to buffer. Not for longer than
   * `disconnect_delay`: the session would end before the client requests the next response.
   */
  async readSlowly() {
    while (!this.over) {
      await delay(this.random.int(50, 600));
      const { socket } = this.link;
      socket.pause();
      await delay(this.random.int(50, 900));
      socket.resume();
    }
  }
}

/**
 * Opens a resident: a websocket that stays open.
 *
 * @returns {Promise<() => Promise<void>>} sends the next message and waits for its answer
 */
async function openResident(name) {
  const plan = plans.of(name);
  const link = linkFor(servers[plan.ingress], plan, random);
  let number = 0;
  try {
    await link.open();
    await link.next();
    link.receiver.wire.socket.on('close', () => {
      if (state.residentsSend) report(name, 'the connection of a resident has ended', { number });
    });
    return async function echo() {
      const texts = [plans.message(plan, 'up', number)];
      await link.send(texts);
      counts.sent++;
      for (;;) {
        const frame = await link.next();
        if (frame.kind === 'heartbeat') continue;
        const [answer] = frame.messages;
        const expected = plans.message(plan, 'down', number);
        if (answer !== expected) report(name, `answer ${number} is ${shortened(answer)}`, {});
        number++;
        counts.received++;
        return;
      }
    };
  } catch (error) {
    report(name, error.stack, { number });
    return async () => {};
  }
}

/** @type {(() => Promise<void>)[]} */
let residents = [];

async function openResidents() {
  state.residentsSend = true;
  residents = await Promise.all(
    Array.from({ length: RESIDENTS }, (_, index) => openResident(`r${SOAK_PROCESS}-${index}`)),
  );
  for (const [index, echo] of residents.entries()) {
    (async () => {
      while (state.residentsSend) {
        await echo().catch((error) => state.residentsSend && report(`r${index}`, error.stack, {}));
        await delay(400);
      }
    })();
  }
}

function report(name, what, details) {
  process.send({ violation: { name, side: 'client', what, state: details } });
}

/** Runs one session after the other. */
async function runSessions() {
  while (state.opensSessions) {
    const name = `${SOAK_PROCESS}-${numbered++}`;
    if (random.chance(INVALID)) {
      counts.invalid++;
      await runInvalidClient(servers[random.pick(['takeover', 'bridge'])], `n${name}`, random);
    } else {
      counts.sessions++;
      await new Session(`s${name}`).run();
    }
    await delay(random.int(0, 200));
  }
}

answerParent({
  openResidents,
  async quiesce() {
    state.opensSessions = false;
    await Promise.all(runs);
    counts.stall = Math.max(counts.stall, Math.round(lag.max / 1e6));
    return { counts, transports };
  },
  /** The sessions that have not ended. */
  active: () => Array.from(active, (session) => session.state()),
});

const orders = {
  start() {
    state.opensSessions = true;
    runs = Array.from({ length: Number(SOAK_SESSIONS) }, runSessions);
  },
  async disconnect() {
    state.residentsSend = false;
    for (const client of Object.values(servers)) client.disconnect();
    process.disconnect();
  },
};

process.on('SIGINT', () => {});
process.on('disconnect', () => process.exit());
process.on('message', ({ order }) => orders[order]?.());
