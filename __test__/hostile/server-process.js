'use strict';

/** A server in a child process, what is measured of it from outside, and when it counts as unharmed. */

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');

const { Child } = require('../support/child');
const { Client } = require('../support/client');
const { open, every } = require('../support/transports');
const { encodeFrame } = require('../support/websocket-client');
const { delay } = require('../support/wait');

const MIB = 1 << 20;

/** Milliseconds in which a healthy client has its answer, on a fresh connection of every kind. */
const AT_ONCE = 250;
/** What other processes do to a measurement: so often it is tried, and one attempt has to succeed. */
const ATTEMPTS = 4;
/** Milliseconds after which descriptors and sessions have to be gone. */
const TIMEOUT_MS = 5000;
/** JavaScript memory, after a collection, above what it was before the first attack. */
const HEAP_TOLERANCE = 6 * MIB;
/** Resident memory likewise: allocator and V8 keep some of what was once in use. */
const RSS_TOLERANCE = 128 * MIB;

/** Options of the server that most attacks are made on. */
const DEFAULTS = {
  http: {},
  service: { disconnect_delay: 250, heartbeat_delay: 60_000, max_message_size: MIB },
};

class ServerProcess {
  /**
   * @param {string} ingress
   * @param {{http?: object, service?: object}} [options]
   * @returns {Promise<ServerProcess>} one that has served all kinds of clients, and has come to rest
   */
  static async start(ingress, { http, service } = {}) {
    const options = {
      http: { ...DEFAULTS.http, ...http },
      service: { ...DEFAULTS.service, ...service },
    };
    const server = new ServerProcess(ingress, options);
    server.port = await server.ask('port');
    // What is opened once and kept is no leak.
    for (let round = 0; round < 3; round++) await server.answersAtOnce();
    await server.#untilLeft();
    server.base = { ...(await server.ask('memory')), descriptors: server.descriptors().length };
    server.slowest = 0;
    return server;
  }

  constructor(ingress, options) {
    this.ingress = ingress;
    this.options = options;
    this.port = 0;
    /** Whether an attack has failed, or has left something behind. */
    this.harmed = false;
    /** Milliseconds that a healthy client has waited at most. */
    this.slowest = 0;
    /** @type {{heap: number, rss: number, descriptors: number}} before the first attack */
    this.base = undefined;
    this.process = new Child(path.join(__dirname, 'server.js'), {
      env: {
        SOCKJS_RS_DOOR: ingress === 'bridge' ? 'bridge' : undefined,
        HOSTILE_OPTIONS: JSON.stringify(options),
      },
      execArgv: ['--expose-gc'],
      ipc: true,
      stdout: 'inherit',
    });
  }

  /** What it has printed to stderr. */
  get errors() {
    return this.process.errors;
  }

  /** How the process has ended, if it has. @type {string | undefined} */
  get death() {
    const { status } = this.process;
    return status && `the server ended with ${status.signal ?? status.code}`;
  }

  /**
   * @param {'counts' | 'memory' | 'port'} question
   * @returns {Promise<any>}
   */
  ask(question) {
    return this.process.ask(question);
  }

  /** @returns {string[]} what its descriptors are open on; none where the system does not tell */
  descriptors() {
    const folder = `/proc/${this.process.pid}/fd`;
    if (!fs.existsSync(folder)) return [];
    const targets = [];
    for (const name of fs.readdirSync(folder)) {
      try {
        targets.push(fs.readlinkSync(path.join(folder, name)));
      } catch {
        // Closed meanwhile.
      }
    }
    return targets;
  }

  /** Throws unless the process lives, has said nothing, and answers every kind of client at once. */
  async answersAtOnce() {
    const slowest = await this.answersWithin(AT_ONCE);
    this.slowest = Math.max(this.slowest, slowest);
  }

  /**
   * @param {number} limit milliseconds
   * @returns {Promise<number>} what the slowest of healthy clients has waited
   */
  async answersWithin(limit) {
    let failure;
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      this.#assertAlive();
      const client = new Client(this.port);
      try {
        const times = await Promise.all(healthy.map((visit) => visit(client)));
        const slowest = Math.max(...times);
        if (slowest <= limit) return slowest;
        failure = new Error(`a healthy client waited for ${Math.round(slowest)} ms`);
      } catch (error) {
        failure = error;
      } finally {
        client.disconnect();
      }
    }
    this.#assertAlive();
    throw failure;
  }

  #assertAlive() {
    assert.equal(this.death, undefined, `${this.death}: ${this.errors}`);
    assert.equal(this.errors, '', 'something was printed');
  }

  /** Waits until no client is left, nor anything of one. */
  async #untilLeft() {
    const end = Date.now() + TIMEOUT_MS;
    for (;;) {
      const { opened, closed, sockets } = await this.ask('counts');
      const descriptors = this.descriptors();
      const excess = this.base ? descriptors.length - this.base.descriptors : 0;
      if (opened === closed && sockets === 0 && excess <= 0) return;
      if (Date.now() > end) {
        throw new Error(
          `left after ${TIMEOUT_MS} ms: ${opened - closed} sessions, ${sockets} sockets, ` +
            `${excess} descriptors of ${JSON.stringify(descriptors)}`,
        );
      }
      await delay(2);
    }
  }

  /** Throws unless the server is as it was before the attack. */
  async isUnharmed() {
    this.harmed = true;
    await this.answersAtOnce();
    await this.#untilLeft();
    // What a collection has not found by now it may find when what refers to it has been collected.
    for (let attempt = 1; ; attempt++) {
      const { heap, rss } = await this.ask('memory');
      const { base } = this;
      if (heap <= base.heap + HEAP_TOLERANCE && rss <= base.rss + RSS_TOLERANCE) break;
      if (attempt === ATTEMPTS) {
        throw new Error(
          `memory: heap ${megabytes(base.heap)} → ${megabytes(heap)}, ` +
            `resident ${megabytes(base.rss)} → ${megabytes(rss)}`,
        );
      }
      await delay(50);
    }
    this.#assertAlive();
    this.harmed = false;
  }

  /** @returns {Promise<string>} how it is compared with how it was before the first attack */
  async state() {
    const { heap, rss } = await this.ask('memory');
    const { base } = this;
    return (
      `${this.ingress}: a healthy client waited at most ${Math.round(this.slowest)} ms; ` +
      `descriptors ${base.descriptors} → ${this.descriptors().length}; ` +
      `heap ${megabytes(base.heap)} → ${megabytes(heap)}; ` +
      `resident ${megabytes(base.rss)} → ${megabytes(rss)}`
    );
  }

  /** Ends the process, if it has not ended. */
  stop() {
    return this.process.kill();
  }
}

const megabytes = (bytes) => `${(bytes / MIB).toFixed(1)} MiB`;

let visits = 0;

/** What a healthy client does on connections of its own: each answers how many milliseconds it waited. */
const healthy = [
  timed((client) => expectStatus(client.get('/app'), 200)),
  timed((client) => expectStatus(client.get('/s/info'), 200)),
  ...every.map(([, transport]) => timed((client) => echo(client, transport))),
];

async function expectStatus(response, status) {
  assert.equal((await response).status, status);
}

/**
 * Opens a session, sends a message, and waits for it to come back.
 *
 * @param {Client} client
 * @param {import('../support/transports').Transport} transport
 */
async function echo(client, transport) {
  const { connection, wire, session } = await open(client, transport);
  const message = `healthy ${++visits}`;
  const payload = JSON.stringify([message]);
  if (transport.upgraded) wire.write(encodeFrame({ payload }));
  else await expectStatus(client.post(`${session}/xhr_send`, payload), 204);
  if (transport.polls) connection.send(transport.method, session + transport.path);
  await wire.read(() => wire.buffer.includes(message) || undefined, message);
  // A session whose poll is aborted ends at once.
  if (transport.polls) connection.send(transport.method, session + transport.path);
}

function timed(visit) {
  return async (client) => {
    const start = performance.now();
    await visit(client);
    return performance.now() - start;
  };
}

module.exports = { ServerProcess };
