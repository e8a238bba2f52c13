'use strict';

/** A server in a child process, and the checks that it is unharmed. */

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');

const { Child } = require('../support/child');
const { Client } = require('../support/client');
const { open, every } = require('../support/transports');
const { encodeFrame } = require('../support/websocket-client');
const { delay } = require('../support/wait');

const MIB = 1 << 20;

/** Milliseconds within which the server must answer a healthy client on a new connection. */
const RESPONSE_MS = 250;
/** Other processes disturb measurements. One of this many attempts must succeed. */
const ATTEMPTS = 4;
/** Milliseconds within which descriptors and sessions of an attack must be gone. */
const TIMEOUT_MS = 5000;
/** Bytes by which JavaScript memory may exceed its size before the first attack, after a collection. */
const HEAP_TOLERANCE = 6 * MIB;
/** The same for resident memory: the allocator and V8 keep memory that was in use. */
const RSS_TOLERANCE = 128 * MIB;

/** Options of the server for most attacks. */
const DEFAULTS = {
  http: {},
  service: { disconnect_delay: 250, heartbeat_delay: 60_000, max_message_size: MIB },
};

class ServerProcess {
  /**
   * @param {string} ingress
   * @param {{http?: object, service?: object}} [options]
   * @returns {Promise<ServerProcess>} a server that has served clients of each transport and is idle
   */
  static async start(ingress, { http, service } = {}) {
    const options = {
      http: { ...DEFAULTS.http, ...http },
      service: { ...DEFAULTS.service, ...service },
    };
    const server = new ServerProcess(ingress, options);
    server.port = await server.ask('port');
    // Resources that the server opens once and keeps are not leaks.
    for (let round = 0; round < 3; round++) await server.checkResponsive();
    await server.#untilIdle();
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
    /** The longest time that a healthy client has waited, in milliseconds. */
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

  /** What the process has printed to stderr. */
  get errors() {
    return this.process.errors;
  }

  /** Says how the process has ended, if it has. @type {string | undefined} */
  get exitReason() {
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

  /** @returns {string[]} the targets of its descriptors; empty without /proc */
  descriptors() {
    const folder = `/proc/${this.process.pid}/fd`;
    if (!fs.existsSync(folder)) return [];
    const targets = [];
    for (const name of fs.readdirSync(folder)) {
      try {
        targets.push(fs.readlinkSync(path.join(folder, name)));
      } catch {
        // The descriptor was closed meanwhile.
      }
    }
    return targets;
  }

  /** Throws unless the process lives, has printed no error, and answers clients of each transport in time. */
  async checkResponsive() {
    const slowest = await this.checkResponsiveWithin(RESPONSE_MS);
    this.slowest = Math.max(this.slowest, slowest);
  }

  /**
   * @param {number} limit milliseconds
   * @returns {Promise<number>} the time that the slowest healthy client has waited, in milliseconds
   */
  async checkResponsiveWithin(limit) {
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
    assert.equal(this.exitReason, undefined, `${this.exitReason}: ${this.errors}`);
    assert.equal(this.errors, '', 'the server printed errors');
  }

  /** Waits until no session, no socket and no additional descriptor is left. */
  async #untilIdle() {
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
  async checkUnharmed() {
    this.harmed = true;
    await this.checkResponsive();
    await this.#untilIdle();
    // A later collection may find objects whose references have only been collected now.
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

  /** @returns {Promise<string>} a comparison with the state before the first attack */
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

let echoes = 0;

/** Healthy clients, on connections of their own. Each returns the milliseconds that it waited. */
const healthy = [
  timed((client) => expectStatus(client.get('/app'), 200)),
  timed((client) => expectStatus(client.get('/s/info'), 200)),
  ...every.map(([, transport]) => timed((client) => echo(client, transport))),
];

async function expectStatus(response, status) {
  assert.equal((await response).status, status);
}

/**
 * Opens a session, sends a message, and waits for its echo.
 *
 * @param {Client} client
 * @param {import('../support/transports').Transport} transport
 */
async function echo(client, transport) {
  const { connection, wire, session } = await open(client, transport);
  const message = `healthy ${++echoes}`;
  const payload = JSON.stringify([message]);
  if (transport.upgraded) wire.write(encodeFrame({ payload }));
  else await expectStatus(client.post(`${session}/xhr_send`, payload), 204);
  if (transport.polls) connection.send(transport.method, session + transport.path);
  await wire.read(() => wire.buffer.includes(message) || undefined, message);
  // A session ends at once when its waiting poll is aborted.
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
