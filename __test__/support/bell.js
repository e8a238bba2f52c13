'use strict';

/** Milliseconds after which a wait is given up: only a failing test ever waits so long. */
const PATIENCE = Number(process.env.TEST_PATIENCE ?? 12000);

/** Lets tests wait for events: whoever changes something rings, whoever waits looks again. */
class Bell {
  #waiting = new Set();

  ring() {
    for (const look of [...this.#waiting]) look();
  }

  /**
   * Waits until `check` answers something other than undefined, or throws.
   *
   * @template T
   * @param {() => T | undefined} check
   * @param {() => string} what says what was waited for, and what there is instead
   * @returns {Promise<T>}
   */
  wait(check, what) {
    return new Promise((resolve, reject) => {
      const settle = (done, value) => {
        clearTimeout(timer);
        this.#waiting.delete(look);
        done(value);
      };
      const look = () => {
        try {
          const value = check();
          if (value !== undefined) settle(resolve, value);
        } catch (error) {
          settle(reject, error);
        }
      };
      const timer = setTimeout(
        () => settle(reject, new Error(`waited ${PATIENCE} ms for ${what()}`)),
        PATIENCE,
      );
      this.#waiting.add(look);
      look();
    });
  }
}

/**
 * @param {number} ms
 * @returns {Promise<void>} for the few claims that are about a delay
 */
const delay = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

module.exports = { Bell, delay };
