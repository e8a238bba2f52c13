'use strict';

const { Condition } = require('./wait');

/** The bytes that arrive on a client's socket, to be read step by step. */
class Wire {
  #changed = new Condition();

  /** @param {import('net').Socket} socket */
  constructor(socket) {
    this.socket = socket;
    this.buffer = Buffer.alloc(0);
    this.ended = false;
    socket.on('data', (chunk) => {
      this.buffer = Buffer.concat([this.buffer, chunk]);
      this.#changed.notify();
    });
    for (const event of ['end', 'close', 'error']) {
      socket.on(event, () => {
        this.ended = true;
        this.#changed.notify();
      });
    }
  }

  /** @param {string | Buffer} bytes */
  write(bytes) {
    this.socket.write(bytes);
  }

  /**
   * @param {number} length
   * @returns {Buffer} the next bytes, removed from the buffer
   */
  take(length) {
    const taken = this.buffer.subarray(0, length);
    this.buffer = this.buffer.subarray(length);
    return taken;
  }

  /**
   * As `Condition.waitUntil`; checks again whenever bytes have arrived or the connection has ended.
   *
   * @template T
   * @param {() => T | undefined} check
   * @param {() => string} what
   * @returns {Promise<T>}
   */
  waitUntil(check, what) {
    return this.#changed.waitUntil(check, what);
  }

  /**
   * Waits until `check` finds what it looks for in `this.buffer`. Fails if the connection ends first.
   *
   * @template T
   * @param {() => T | undefined} check
   * @param {string} what
   * @returns {Promise<T>}
   */
  read(check, what) {
    const unread = () =>
      `${what}; unread: ${JSON.stringify(this.buffer.toString('latin1', 0, 300))}`;
    return this.waitUntil(() => {
      const found = check();
      if (found === undefined && this.ended) {
        throw new Error(`the connection ended before ${unread()}`);
      }
      return found;
    }, unread);
  }

  /** @returns {Promise<string>} once the server has ended the connection: what was left unread */
  async end() {
    await this.waitUntil(
      () => this.ended || undefined,
      () => 'the end of the connection',
    );
    return this.take(this.buffer.length).toString();
  }
}

module.exports = { Wire };
