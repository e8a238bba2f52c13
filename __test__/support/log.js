'use strict';

const { Condition } = require('./wait');

/** Records the log of a service. A line may come after the client has received the answer that the line is about. */
class Log {
  #changed = new Condition();

  constructor() {
    /** @type {Array<[severity: string, line: string]>} */
    this.lines = [];
    /** What the option `log` is set to. */
    this.log = (severity, line) => {
      this.lines.push([severity, line]);
      this.#changed.notify();
    };
  }

  /**
   * @param {number} count
   * @returns {Promise<Log['lines']>} the lines, when there are that many
   */
  untilLines(count) {
    return this.#changed.waitUntil(
      () => (this.lines.length >= count ? this.lines : undefined),
      () => `${count} lines: ${JSON.stringify(this.lines)}`,
    );
  }

  /** The lines at `error`. */
  get errors() {
    return this.lines.filter(([severity]) => severity === 'error').map(([, line]) => line);
  }

  /**
   * @param {string} severity
   * @param {RegExp} pattern
   * @returns {Promise<string>} the first line of that severity that matches
   */
  line(severity, pattern) {
    return this.#changed.waitUntil(
      () => this.lines.find((line) => line[0] === severity && pattern.test(line[1]))?.[1],
      () => `a line like ${pattern} at ${severity}: ${JSON.stringify(this.lines)}`,
    );
  }
}

module.exports = { Log };
