'use strict';

const { fork } = require('child_process');
const path = require('path');

/** A process that runs the test application on one of the libraries; started again when it dies. */
class Subject {
  #child;
  #ready;
  #asked = new Map();
  #number = 0;

  /**
   * @param {string} name
   * @param {string} library the file to require
   * @param {NodeJS.ProcessEnv} env
   */
  constructor(name, library, env) {
    this.name = name;
    this.library = library;
    this.env = env;
    /** How often the process has died. */
    this.deaths = 0;
    this.lastWords = '';
  }

  /** @returns {Promise<number[]>} the ports of its http servers */
  ports() {
    return (this.#ready ??= this.#start());
  }

  #start() {
    return new Promise((resolve, reject) => {
      const child = fork(path.join(__dirname, 'app.js'), [this.library], {
        env: { ...process.env, ...this.env, NODE_NO_WARNINGS: '1' },
        stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      });
      this.#child = child;
      let errors = '';
      child.stderr.on('data', (chunk) => (errors = (errors + chunk).slice(-4000)));
      child.on('message', ({ ports, number, result }) => {
        if (ports) return resolve(ports);
        this.#asked.get(number)?.(result);
        this.#asked.delete(number);
      });
      child.on('close', (code, signal) => {
        if (this.#child !== child) return;
        this.deaths++;
        this.lastWords = `exit ${code ?? signal}: ${errors}`;
        this.#ready = undefined;
        for (const answer of this.#asked.values()) answer(undefined);
        this.#asked.clear();
        reject(new Error(`${this.name} does not start: ${this.lastWords}`));
      });
    });
  }

  /**
   * @param {'settle' | 'report'} ask
   * @param {string} [id] of a case
   * @returns {Promise<any>} undefined if the process dies
   */
  ask(ask, id) {
    return new Promise((resolve) => {
      const number = ++this.#number;
      if (!this.#child?.connected) return resolve(undefined);
      this.#asked.set(number, resolve);
      this.#child.send({ number, ask, id });
    });
  }

  stop() {
    const child = this.#child;
    this.#child = undefined;
    child?.kill('SIGKILL');
  }
}

module.exports = { Subject };
