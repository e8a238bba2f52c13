'use strict';

/**
 * @file The clients of a soak, in a process of their own: so many sessions at a time, each as its plan
 * says. Its parent is `steady.js`.
 */

const { monitorEventLoopDelay } = require('node:perf_hooks');
const { setTimeout: delay } = require('node:timers/promises');

const { answerParent } = require('../support/answers');
const { Client } = require('../support/client');
const { Random } = require('../support/random');
const { linkFor } = require('./lib/links');
const { makeNoise } = require('./lib/noise');
const { Plans, allCame, hash, shortened } = require('./lib/plan');

const { SOAK_SEED, SOAK_SESSIONS, SOAK_PROCESS, SOAK_TAKEOVER, SOAK_BRIDGE } = process.env;

/** Sessions that stay from beginning to end. */
const RESIDENTS = 8;
/** A session after which the next one of its place is noise, on average. */
const NOISE = 0.3;

const plans = new Plans(Number(SOAK_SEED));
const random = new Random(Number(SOAK_SEED), 6, Number(SOAK_PROCESS));
const servers = {
  takeover: new Client(Number(SOAK_TAKEOVER)),
  bridge: new Client(Number(SOAK_BRIDGE)),
};

const counts = {
  sessions: 0,
  noises: 0,
  received: 0,
  sent: 0,
  foreign: 0,
  heartbeats: 0,
  largest: 0,
  stall: 0,
};
/** Delays of the event loop: the longest, in milliseconds, is `stall`. */
const lag = monitorEventLoopDelay({ resolution: 20 });
lag.enable();
/** @type {Record<string, number>} sessions that ended as they should, by transport */
const transports = {};
/** How a violation ends what its session is doing. */
class Broken extends Error {}

/** The sessions that have not ended. @type {Set<Session>} */
const active = new Set();

/** Whether sessions follow each other, and residents talk. */
const flow = { runs: false, residents: false };
let numbered = 0;
/** @type {Promise<void>[]} */
let places = [];

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
      this.step = 'talking';
      if (plan.slow) this.dawdle();
      const gone = plan.ending === 'reset' || plan.ending === 'half-close';
      if (gone) {
        await this.talkAndVanish();
      } else {
        const [last] = await Promise.all([this.read(), this.send()]);
        this.step = last;
        if (last === 'leaving') await link.leave();
        else await link.close();
      }
      counts.foreign += link.foreign;
      transports[plan.transport] = (transports[plan.transport] ?? 0) + 1;
    } catch (error) {
      const what = error instanceof Broken ? error.message : error.stack;
      report(plan.name, what, this.state());
      // The other side's view of it is asked for now.
      await delay(1000);
    } finally {
      this.over = true;
      active.delete(this);
      link.sender?.abort();
      // A websocket that was half closed is ended by the server; all others are over.
      link.receiver?.abort();
    }
  }

  /** The client goes in the middle, and then nothing that it receives matters. */
  async talkAndVanish() {
    const reading = this.read().catch((error) => {
      if (!this.vanished) throw error;
    });
    await Promise.all([reading, this.send().then(() => this.vanish())]);
  }

  vanish() {
    this.step = 'vanishing';
    this.vanished = true;
    this.link.vanish();
  }

  state() {
    const { received, sent, step, plan } = this;
    return { received, sent, step, plan };
  }

  expect(expected, actual) {
    if (actual !== expected) throw new Broken(`${shortened(actual)} instead of ${expected}`);
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

  /** @returns {Promise<'leaving' | 'closing'>} when everything has come: what is to be done */
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
        throw new Broken('the session has been opened again');
      }
    }
  }

  /**
   * @param {string[]} messages
   * @returns {boolean} whether that was all, and it is this side's to close
   */
  take(messages) {
    const { plan } = this;
    let done = false;
    for (const message of messages) {
      if (done) throw new Broken(`after the last message comes ${shortened(message)}`);
      done = this.received === plan.down && plan.ending === 'client';
      const expected = done ? allCame(plan) : plans.message(plan, 'down', this.received);
      if (message !== expected || (this.received >= plan.down && !done)) {
        const which = `message ${this.received} of ${plan.down}`;
        throw new Broken(`${which} is ${shortened(message)}, expected ${shortened(expected)}`);
      }
      this.received++;
      counts.received++;
    }
    return done;
  }

  /**
   * Reads nothing for a while, now and then: what the server writes has to wait there. Not for long, because a
   * client that comes too late for the next response has lost its session.
   */
  async dawdle() {
    while (!this.over) {
      await delay(this.random.int(50, 600));
      const { socket } = this.link;
      socket.pause();
      await delay(this.random.int(50, 900));
      socket.resume();
    }
  }
}

/** A websocket that stays: a message, its answer, a pause, and again. */
async function reside(name) {
  const plan = plans.of(name);
  const link = linkFor(servers[plan.ingress], plan, random);
  let number = 0;
  try {
    await link.open();
    await link.next();
    link.receiver.wire.socket.on('close', () => {
      if (flow.residents) report(name, 'a resident has been put out', { number });
    });
    return async function visit() {
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

async function settle() {
  flow.residents = true;
  residents = await Promise.all(
    Array.from({ length: RESIDENTS }, (_, index) => reside(`r${SOAK_PROCESS}-${index}`)),
  );
  for (const [index, visit] of residents.entries()) {
    (async () => {
      while (flow.residents) {
        await visit().catch((error) => flow.residents && report(`r${index}`, error.stack, {}));
        await delay(400);
      }
    })();
  }
}

function report(name, what, state) {
  process.send({ violation: { name, side: 'client', what, state } });
}

/** One place, taken by one session after the other. */
async function occupy() {
  while (flow.runs) {
    const name = `${SOAK_PROCESS}-${numbered++}`;
    if (random.chance(NOISE)) {
      counts.noises++;
      await makeNoise(servers[random.pick(['takeover', 'bridge'])], `n${name}`, random);
    } else {
      counts.sessions++;
      await new Session(`s${name}`).run();
    }
    await delay(random.int(0, 200));
  }
}

answerParent({
  settle,
  async quiesce() {
    flow.runs = false;
    await Promise.all(places);
    counts.stall = Math.max(counts.stall, Math.round(lag.max / 1e6));
    return { counts, transports };
  },
  /** The sessions that have not ended. */
  active: () => Array.from(active, (session) => session.state()),
});

const orders = {
  flow() {
    flow.runs = true;
    places = Array.from({ length: Number(SOAK_SESSIONS) }, occupy);
  },
  async leave() {
    flow.residents = false;
    for (const client of Object.values(servers)) client.disconnect();
    process.disconnect();
  },
};

process.on('SIGINT', () => {});
process.on('disconnect', () => process.exit());
process.on('message', ({ order }) => orders[order]?.());
