'use strict';

const { spawn } = require('child_process');
const path = require('path');
const { Client } = require('./client');
const { environmentOf } = require('./library');
const { Condition } = require('./wait');

/** How much of what a child prints to stderr is kept, in characters: its end. */
const ERRORS_KEPT = 20_000;

/** @type {Set<Child>} */
const running = new Set();

/**
 * @typedef {object} Options
 * @property {string[]} [args]
 * @property {NodeJS.ProcessEnv} [env] in addition to this process's; `undefined` removes a variable
 * @property {string} [cwd]
 * @property {string} [program] Node unless given
 * @property {string[]} [execArgv] arguments of the program itself
 * @property {boolean} [ipc] answers `ask` (see `answers.js`) and sends messages
 * @property {(message: any) => void} [onMessage] gets the messages that are not answers
 * @property {'pipe' | 'inherit'} [stdout] 'inherit': what it prints is shown and not kept
 * @property {import('node:test').TestContext} [t] the test whose end is the end of the process
 */

/**
 * A child process: what it has printed, what it answers, and how it has ended.
 *
 * Tests of Jest run one at a time, and at the end of each its children are killed. Those of `node:test`
 * may run side by side: they name themselves as `t`.
 */
class Child {
  #changed = new Condition();
  #rest = '';
  #questions = 0;
  /** @type {Map<number, {resolve: (answer: any) => void, reject: (error: Error) => void}>} */
  #asked = new Map();

  /**
   * @param {string | undefined} file the script; undefined if `program` needs none
   * @param {Options} [options]
   */
  constructor(file, options = {}) {
    const { args = [], env, cwd, program = process.execPath, execArgv = [], t } = options;
    const { ipc = false, onMessage, stdout = 'pipe' } = options;
    this.name = path.basename(file ?? program);
    /** Complete lines of stdout. @type {string[]} */
    this.lines = [];
    this.errors = '';
    /** @type {{code: number | null, signal: string | null} | undefined} */
    this.status = undefined;
    this.process = spawn(program, [...execArgv, ...(file ? [file] : []), ...args], {
      // The test runner's own variable would change what a child prints.
      env: { ...process.env, NODE_TEST_CONTEXT: undefined, NO_COLOR: '1', ...env },
      cwd,
      stdio: ['pipe', stdout, 'pipe', ...(ipc ? ['ipc'] : [])],
    });
    running.add(this);
    // A child that has ended cannot be written to; its status says why.
    this.process.stdin.on('error', () => {});
    this.process.stdout?.setEncoding('utf8').on('data', (text) => this.#print(text));
    this.process.stderr.setEncoding('utf8').on('data', (text) => this.#addError(text));
    this.process.on('error', (error) => this.#addError(error.message));
    if (ipc) this.process.on('message', (message) => this.#receive(message, onMessage));
    this.process.on('close', (code, signal) => this.#end(code, signal));
    t?.after(() => this.kill());
  }

  get pid() {
    return this.process.pid;
  }

  #print(text) {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop();
    this.lines.push(...lines);
    this.#changed.notify();
  }

  #addError(text) {
    this.errors = (this.errors + text).slice(-ERRORS_KEPT);
  }

  #receive(message, onMessage) {
    const question = this.#asked.get(message.number);
    this.#asked.delete(message.number);
    if (question) question.resolve(message.answer);
    else onMessage?.(message);
  }

  #end(code, signal) {
    this.status = { code, signal };
    running.delete(this);
    for (const { reject } of this.#asked.values()) reject(this.#endError());
    this.#asked.clear();
    this.#changed.notify();
  }

  #endError() {
    const { code, signal } = this.status;
    return new Error(`${this.name} ended with ${signal ?? code}: ${this.errors}`);
  }

  #state() {
    return `of ${JSON.stringify([this.lines, this.errors, this.status])}`;
  }

  /**
   * @param {RegExp} pattern
   * @returns {Promise<RegExpMatchArray>} the first line that matches
   */
  async line(pattern) {
    const [match] = await this.linesLike(pattern, 1);
    return match;
  }

  /**
   * @param {RegExp} pattern
   * @param {number} count
   * @param {number} [timeout] milliseconds
   * @returns {Promise<RegExpMatchArray[]>} the first `count` lines that match
   */
  linesLike(pattern, count, timeout) {
    return this.#changed.waitUntil(
      () => {
        const found = this.lines.map((line) => line.match(pattern)).filter(Boolean);
        if (found.length >= count) return found.slice(0, count);
        if (this.status) throw new Error(`no ${count} × ${pattern} ${this.#state()}`);
        return undefined;
      },
      () => `${count} × ${pattern} ${this.#state()}`,
      timeout,
    );
  }

  /** @param {string} command one line for its stdin */
  tell(command) {
    this.process.stdin.write(`${command}\n`);
  }

  /** @param {object} message for a child with `ipc`; lost if it has ended */
  send(message) {
    if (this.process.connected) this.process.send(message);
  }

  /**
   * @param {string} question the name of one of its answers
   * @param {unknown} [value]
   * @returns {Promise<any>} rejects if the process ends first
   */
  ask(question, value) {
    return new Promise((resolve, reject) => {
      if (this.status) return reject(this.#endError());
      const number = ++this.#questions;
      this.#asked.set(number, { resolve, reject });
      return this.send({ number, question, value });
    });
  }

  /**
   * @param {number} [timeout] milliseconds
   * @returns {Promise<{code: number | null, signal: string | null}>} how it has ended
   */
  exit(timeout) {
    return this.#changed.waitUntil(
      () => this.status,
      () => `the exit ${this.#state()}`,
      timeout,
    );
  }

  /** Ends the process, if it has not ended. */
  async kill() {
    if (this.status) return;
    this.process.kill('SIGKILL');
    await this.exit();
  }
}

/**
 * Runs a script of `__test__/fixtures` that serves, and waits until it does.
 *
 * @param {string} ingress
 * @param {string} name
 * @param {NodeJS.ProcessEnv} [env]
 */
async function serveFixture(ingress, name, env = {}) {
  const child = new Child(path.join(__dirname, '..', 'fixtures', name), {
    env: { ...environmentOf(ingress), ...env },
  });
  const [, port] = await child.line(/^port (\d+)$/);
  return { child, client: new Client(Number(port), Boolean(env.SECURE)) };
}

if (globalThis.afterEach) afterEach(() => Promise.all([...running].map((child) => child.kill())));
else process.on('exit', () => running.forEach((child) => child.process.kill('SIGKILL')));

module.exports = { Child, serveFixture };
