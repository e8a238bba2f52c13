'use strict';

/**
 * @file The processes of a run: servers and load generators. They are pinned to CPUs, and end with the runner.
 */

const { spawn } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const path = require('node:path');
const readline = require('node:readline');

const { PEERS } = require('./cases');

const SERVERS = path.join(__dirname, '..', 'servers');
const SERVER_CPU = 0;
const LOAD_CPU = 1;
/** Milliseconds that a server may take to print its port, collect garbage or exit. */
const TIMEOUT_MS = 20000;

/** The children that have not exited. @type {Set<import('node:child_process').ChildProcess>} */
const children = new Set();

/** A child process, read line by line. */
class Child {
  /**
   * @param {string} title for messages
   * @param {string[]} command
   * @param {number | null} cpu
   */
  constructor(title, command, cpu) {
    const [file, ...args] = cpu === null ? command : ['taskset', '-c', String(cpu), ...command];
    this.title = title;
    this.process = spawn(file, args, { stdio: ['pipe', 'pipe', 'pipe'] });
    children.add(this.process);
    this.errors = '';
    this.process.stderr.setEncoding('utf8').on('data', (text) => {
      this.errors = (this.errors + text).slice(-4000);
    });
    // Writing fails if the child has exited. `exited` reports that.
    this.process.stdin.on('error', () => {});
    this.lines = readline.createInterface({ input: this.process.stdout })[Symbol.asyncIterator]();
    this.exited = new Promise((resolve, reject) => {
      this.process.on('error', (error) => {
        children.delete(this.process);
        reject(new Error(`${title} did not start: ${error.message}`));
      });
      this.process.on('close', (code, signal) => {
        children.delete(this.process);
        resolve(code ?? signal);
      });
    });
    // A caller that waits for a line or the exit gets the error. There may be no caller.
    this.exited.catch(() => {});
  }

  /** The next line that it prints. */
  async line() {
    const next = await within(this.lines.next(), `${this.title} printed nothing`);
    if (next.done) {
      const code = await this.exited;
      throw new Error(`${this.title} ended (${code}): ${this.errors.trim() || 'no reason given'}`);
    }
    return next.value;
  }

  /**
   * Has a server carry out a command.
   *
   * @param {string} command
   * @param {string} answer the line that the server prints if it succeeds
   */
  async obey(command, answer) {
    this.process.stdin.write(`${command}\n`);
    const line = await this.line();
    if (line !== answer) throw new Error(`${this.title} answered ${command} with: ${line}`);
  }

  /** Ends the process; kills it if it takes more than three seconds. */
  async end() {
    if (!children.has(this.process)) return;
    const timer = setTimeout(() => this.process.kill('SIGKILL'), 3000);
    this.process.kill('SIGTERM');
    await this.exited.catch(() => {});
    clearTimeout(timer);
  }
}

/**
 * @template T
 * @param {Promise<T>} promise
 * @param {string} failure the message of the error if the promise takes too long
 * @returns {Promise<T>}
 */
async function within(promise, failure) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${failure} (waited ${TIMEOUT_MS} ms)`)), TIMEOUT_MS);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Starts the server of a peer, and waits until it listens.
 *
 * @param {string} peer
 * @param {string[]} args
 * @param {boolean} pinned
 * @param {string} binaries the folder of the Rust programs
 */
async function startServer(peer, args, pinned, binaries) {
  const { title, script, floor, args: own = [] } = PEERS[peer];
  const command = script
    ? [process.execPath, '--expose-gc', path.join(SERVERS, script), ...own, ...args]
    : [path.join(binaries, 'floor'), floor];
  const server = new Child(`server ${title}`, command, pinned ? SERVER_CPU : null);
  try {
    const port = Number(await server.line());
    if (!(port > 0)) throw new Error(`${server.title} did not print its port`);
    return { server, port };
  } catch (error) {
    await server.end();
    throw error;
  }
}

/**
 * @param {string} peer
 * @param {Record<string, string | number | boolean>} parameters
 * @param {{ server: Child, port: number }} target
 * @param {boolean} pinned
 * @param {string} binaries
 */
function startLoad(peer, parameters, { server, port }, pinned, binaries) {
  const command = [path.join(binaries, 'load'), `127.0.0.1:${port}`];
  command.push('--pid', String(server.process.pid));
  for (const [name, value] of Object.entries(parameters)) {
    if (value === false) continue;
    command.push(`--${name}`);
    if (value === true) continue;
    const ownProtocol = name === 'protocol' && value === 'websocket' && PEERS[peer].websocket;
    command.push(String(ownProtocol || value));
  }
  return new Child(`load on ${PEERS[peer].title}`, command, pinned ? LOAD_CPU : null);
}

/**
 * Runs the load generator to its end.
 *
 * @returns {Promise<any>} its report
 */
async function runLoad(...args) {
  const load = startLoad(...args);
  try {
    // There is no time limit here, because the load generator has limits of its own.
    const { value, done } = await load.lines.next();
    const code = await load.exited;
    if (done || code !== 0) {
      throw new Error(`${load.title} failed (${code}): ${load.errors.trim() || 'no reason given'}`);
    }
    return JSON.parse(value);
  } finally {
    await load.end();
  }
}

/**
 * The resident bytes of a process, without pages of files.
 *
 * @param {number} pid
 */
function residentBytes(pid) {
  const status = fs.readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/^RssAnon:\s+(\d+) kB$/m.exec(status)[1]) * 1024;
}

/** Kills all children when the runner exits. */
function killChildren() {
  for (const child of children) child.kill('SIGKILL');
}

/**
 * Runs a command to its end, and shows its output.
 *
 * @param {string[]} command
 * @param {import('node:child_process').SpawnOptions} options
 */
async function run([file, ...args], options) {
  const child = spawn(file, args, { stdio: ['ignore', 2, 2], ...options });
  children.add(child);
  try {
    const [code] = await once(child, 'close');
    if (code !== 0) throw new Error(`${file} ${args.join(' ')} failed (${code})`);
  } finally {
    children.delete(child);
  }
}

module.exports = { killChildren, residentBytes, run, runLoad, startLoad, startServer };
