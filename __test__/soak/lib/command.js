'use strict';

/**
 * @file The command line of the long runs, their child processes, and how they end.
 */

const { fork } = require('node:child_process');
const { parseArgs } = require('node:util');

/**
 * Reads options of the form `--name N`, where N is a number from 0.
 *
 * @template {Record<string, number>} T
 * @param {string[]} args
 * @param {T} defaults
 * @returns {T}
 */
function numbers(args, defaults) {
  const known = mapValues(defaults, (value) => ({ type: 'string', default: String(value) }));
  const { values } = parseArgs({ args, options: known });
  const options = mapValues(values, Number);
  const wrong = Object.keys(options).find((name) => !(options[name] >= 0));
  if (wrong) throw new Error(`--${wrong} is not a number from 0: ${values[wrong]}`);
  return options;
}

/** @type {Set<import('node:child_process').ChildProcess>} */
const children = new Set();
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL');
});

/** A child process that takes orders and answers them. */
class Child {
  /**
   * @param {string} file
   * @param {Record<string, unknown>} env
   * @param {(message: object) => void} [listen] hears what is no answer
   * @param {string[]} [execArgv]
   */
  constructor(file, env, listen = () => {}, execArgv = []) {
    this.process = fork(file, [], {
      env: { ...process.env, ...mapValues(env, String) },
      execArgv,
      stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
    });
    children.add(this.process);
    this.errors = '';
    this.process.stderr.on('data', (chunk) => (this.errors = (this.errors + chunk).slice(-20_000)));
    /** @type {Map<string, (message: object) => void>} */
    this.waiting = new Map();
    this.process.on('message', (message) => {
      for (const [key, resolve] of this.waiting) {
        if (!(key in message)) continue;
        this.waiting.delete(key);
        return resolve(message);
      }
      listen(message);
    });
    /** @type {Promise<{ code: number | null, signal: string | null }>} */
    this.exited = new Promise((resolve) => {
      this.process.on('close', (code, signal) => {
        children.delete(this.process);
        resolve({ code, signal });
      });
    });
    this.status = undefined;
    this.exited.then((status) => (this.status = status));
  }

  get pid() {
    return this.process.pid;
  }

  tell(message) {
    if (this.process.connected) this.process.send(message);
  }

  /**
   * @param {string} key that the answer has
   * @returns {Promise<object>} rejects if the process ends instead
   */
  async answer(key) {
    const answer = new Promise((resolve) => this.waiting.set(key, resolve));
    const ended = this.exited.then(({ code, signal }) => {
      throw new Error(`a process ended (${signal ?? code}): ${this.errors}`);
    });
    // Only whoever waits is told.
    ended.catch(() => {});
    return Promise.race([answer, ended]);
  }

  ask(message, key) {
    const answer = this.answer(key);
    this.tell(message);
    return answer;
  }
}

const mapValues = (object, change) =>
  Object.fromEntries(Object.entries(object).map(([key, value]) => [key, change(value)]));

module.exports = { Child, numbers };
