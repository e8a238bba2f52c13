'use strict';

/** @file What the tests of the examples share: programs that end with their test, and clients. */

const assert = require('node:assert/strict');
const { spawn } = require('node:child_process');
const path = require('node:path');
const SockJS = require('sockjs-client');

const ROOT = path.join(__dirname, '../..');

/** The transports that sockjs-client has in Node. */
const TRANSPORTS = ['websocket', 'xhr-streaming', 'eventsource', 'xhr-polling'];

/** Milliseconds that a client may take to connect; its own guess fails on a busy machine. */
const TIMEOUT_MS = 20000;

/** Milliseconds after which a test has failed. */
const timeout = 45000;

/** A program, and what it has printed so far. It is gone when its test is over. */
class Program {
  #waiting = new Set();

  /**
   * @param {import('node:test').TestContext} t
   * @param {string} command
   * @param {string[]} args
   * @param {NodeJS.ProcessEnv} [env] beside the process's own
   */
  constructor(t, command, args, env) {
    this.output = '';
    this.errors = '';
    /** @type {{code: number | null, signal: string | null} | undefined} */
    this.status = undefined;
    this.process = spawn(command, args, {
      cwd: ROOT,
      env: { ...process.env, NODE_TEST_CONTEXT: undefined, NO_COLOR: '1', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const changed = () => this.#waiting.forEach((look) => look());
    this.process.stdout.on('data', (chunk) => {
      this.output += chunk;
      changed();
    });
    this.process.stderr.on('data', (chunk) => (this.errors += chunk));
    this.process.on('error', (error) => (this.errors += error.message));
    this.process.on('close', (code, signal) => {
      this.status = { code, signal };
      changed();
    });
    t.after(async () => {
      if (!this.status) this.process.kill('SIGKILL');
      await this.exit();
    });
  }

  /**
   * @param {RegExp} pattern
   * @returns {Promise<RegExpMatchArray>} its first match in what the program prints
   */
  printed(pattern) {
    return this.#until(() => this.output.match(pattern), `printed ${pattern}`);
  }

  /** @returns {Promise<{code: number | null, signal: string | null}>} how it has ended, children too */
  exit() {
    return this.#until(() => this.status, 'ended');
  }

  /**
   * @template T
   * @param {() => T | null | undefined} check
   * @param {string} what
   * @returns {Promise<T>}
   */
  async #until(check, what) {
    let found = check();
    while (!found) {
      assert.equal(this.status, undefined, `has not ${what}: ${this.output}${this.errors}`);
      await new Promise((resolve) => {
        const look = () => resolve(this.#waiting.delete(look));
        this.#waiting.add(look);
      });
      found = check();
    }
    return found;
  }
}

/**
 * Starts a server of `examples/` on a port of its own.
 *
 * @param {import('node:test').TestContext} t
 * @param {string} name its folder
 * @param {NodeJS.ProcessEnv} [env]
 * @returns {Promise<{program: Program, url: string, port: number}>} `url` is the one it prints
 */
async function startExample(t, name, env) {
  const file = path.join('examples', name, 'server.js');
  const program = new Program(t, process.execPath, [file], { PORT: '0', ...env });
  const [, url] = await program.printed(/^Listening: (\S+)$/m);
  return { program, url, port: Number(new URL(url).port) };
}

/**
 * A client that has connected; it leaves with its test.
 *
 * @param {import('node:test').TestContext} t
 * @param {string} url
 * @param {string} transport
 * @param {object} [options] of sockjs-client
 * @returns {Promise<SockJS>}
 */
async function connect(t, url, transport, options) {
  const socket = new SockJS(url, null, { transports: transport, timeout: TIMEOUT_MS, ...options });
  await new Promise((resolve, reject) => {
    socket.onopen = resolve;
    socket.onclose = ({ code, reason }) => reject(new Error(`${url}: closed, ${code} ${reason}`));
  });
  assert.equal(socket.transport, transport);
  t.after(() => socket.close());
  return socket;
}

/**
 * Sends messages one by one, each when the answer to the one before has come.
 *
 * @param {SockJS} socket
 * @param {string[]} messages
 * @returns {Promise<string[]>} the answers
 */
async function ask(socket, messages) {
  const answers = [];
  for (const message of messages) {
    const answer = new Promise((resolve, reject) => {
      socket.onmessage = ({ data }) => resolve(data);
      socket.onclose = ({ code, reason }) => reject(new Error(`closed: ${code} ${reason}`));
    });
    socket.send(message);
    answers.push(await answer);
  }
  return answers;
}

module.exports = { Program, ROOT, TRANSPORTS, ask, connect, startExample, timeout };
