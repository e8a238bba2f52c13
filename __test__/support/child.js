'use strict';

const { spawn } = require('child_process');
const path = require('path');
const { Condition } = require('./wait');
const { Client } = require('./client');
const { libraryPath } = require('./library');

/** @type {Set<Child>} */
const running = new Set();

/** A node process and what it has printed so far. */
class Child {
  #changed = new Condition();

  /**
   * @param {string} file
   * @param {NodeJS.ProcessEnv} env
   * @param {string} [cwd]
   */
  constructor(file, env, cwd) {
    /** @type {string[]} */
    this.lines = [];
    this.errors = '';
    /** @type {{code: number | null, signal: string | null} | undefined} */
    this.status = undefined;
    this.process = spawn(process.execPath, [file], {
      env: { ...process.env, NO_COLOR: '1', ...env },
      cwd,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let rest = '';
    this.process.stdout.on('data', (chunk) => {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop();
      this.lines.push(...lines);
      this.#changed.notify();
    });
    this.process.stderr.on('data', (chunk) => (this.errors += chunk));
    this.process.on('close', (code, signal) => {
      this.status = { code, signal };
      running.delete(this);
      this.#changed.notify();
    });
    running.add(this);
  }

  #state() {
    return `of ${JSON.stringify([this.lines, this.errors, this.status])}`;
  }

  /**
   * @param {RegExp} pattern
   * @returns {Promise<RegExpMatchArray>} the first line that matches
   */
  line(pattern) {
    const find = () => this.lines.map((line) => line.match(pattern)).find(Boolean);
    return this.#changed.waitUntil(
      () => {
        const match = find();
        if (!match && this.status) throw new Error(`no ${pattern} ${this.#state()}`);
        return match;
      },
      () => `${pattern} ${this.#state()}`,
    );
  }

  /** @returns {Promise<{code: number | null, signal: string | null}>} how it has ended */
  exit() {
    return this.#changed.waitUntil(
      () => this.status,
      () => `the exit ${this.#state()}`,
    );
  }
}

/**
 * Runs a script of `__test__/fixtures` that serves, and waits until it does.
 *
 * @param {string} door
 * @param {string} name
 * @param {NodeJS.ProcessEnv} [env]
 */
async function serveFixture(door, name, env = {}) {
  const child = new Child(path.join(__dirname, '..', 'fixtures', name), {
    SOCKJS_LIBRARY: libraryPath,
    ...(door === 'bridge' && { SOCKJS_RS_DOOR: 'bridge' }),
    ...env,
  });
  const [, port] = await child.line(/^port (\d+)$/);
  return { child, client: new Client(Number(port), Boolean(env.SECURE)) };
}

afterEach(async () => {
  for (const child of running) {
    child.process.kill('SIGKILL');
    await child.exit();
  }
});

module.exports = { Child, serveFixture };
