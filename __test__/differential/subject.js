'use strict';

const path = require('path');
const { Child } = require('../support/child');

/** A process that runs the test application on one of the libraries. It is restarted after a crash. */
class Subject {
  /** @type {Child | undefined} */
  #child;
  #ports;

  /**
   * @param {string} name
   * @param {string} library the file to require
   * @param {NodeJS.ProcessEnv} env
   */
  constructor(name, library, env) {
    this.name = name;
    this.library = library;
    this.env = env;
    /** How often the process has crashed. */
    this.crashes = 0;
    /** Exit code and stderr of the last crash. */
    this.lastCrash = '';
  }

  /** @returns {Promise<number[]>} the ports of its http servers */
  ports() {
    return (this.#ports ??= this.#start());
  }

  #start() {
    const child = new Child(path.join(__dirname, 'app.js'), {
      args: [this.library],
      env: { ...this.env, NODE_NO_WARNINGS: '1' },
      ipc: true,
    });
    this.#child = child;
    child.process.on('close', () => {
      if (this.#child !== child) return;
      this.crashes++;
      this.lastCrash = `exit ${child.status.code ?? child.status.signal}: ${child.errors}`;
      this.#ports = undefined;
    });
    return child.ask('ports');
  }

  /**
   * @param {'settle' | 'report'} question
   * @param {string} [id] of a case
   * @returns {Promise<any>} undefined if the process ends
   */
  ask(question, id) {
    return this.#child.ask(question, id).catch(() => undefined);
  }

  stop() {
    const child = this.#child;
    this.#child = undefined;
    return child?.kill();
  }
}

module.exports = { Subject };
