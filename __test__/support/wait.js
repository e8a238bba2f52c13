'use strict';

/** How long a wait may take before it fails. Only a failing test waits so long. */
const TIMEOUT_MS = Number(process.env.TEST_TIMEOUT_MS ?? 12000);

class TimeoutError extends Error {}

/** A condition variable: code that changes something notifies it, and all that wait check again. */
class Condition {
  #waiting = new Set();

  notify() {
    for (const checkAgain of [...this.#waiting]) checkAgain();
  }

  /**
   * Waits until `check` returns something other than undefined, or throws.
   *
   * @template T
   * @param {() => T | undefined} check
   * @param {() => string} what describes what was waited for, and what there is instead
   * @param {number} [timeout] milliseconds
   * @returns {Promise<T>}
   */
  waitUntil(check, what, timeout = TIMEOUT_MS) {
    return new Promise((resolve, reject) => {
      const settle = (done, value) => {
        clearTimeout(timer);
        this.#waiting.delete(checkAgain);
        done(value);
      };
      const checkAgain = () => {
        try {
          const value = check();
          if (value !== undefined) settle(resolve, value);
        } catch (error) {
          settle(reject, error);
        }
      };
      const timer = setTimeout(
        () => settle(reject, new TimeoutError(`waited ${timeout} ms for ${what()}`)),
        timeout,
      );
      this.#waiting.add(checkAgain);
      checkAgain();
    });
  }

  /**
   * @param {() => boolean} check
   * @param {number} timeout milliseconds
   * @returns {Promise<boolean>} false if `check` does not become true in time
   */
  async becomes(check, timeout) {
    try {
      return await this.waitUntil(
        () => check() || undefined,
        () => '',
        timeout,
      );
    } catch (error) {
      if (error instanceof TimeoutError) return false;
      throw error;
    }
  }
}

/**
 * @template T
 * @param {Promise<T>} promise
 * @param {number} timeout milliseconds
 * @param {string} what
 * @returns {Promise<T>} rejects if the promise is still pending then
 */
async function within(promise, timeout, what) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(
      () => reject(new TimeoutError(`${what}: not within ${timeout} ms`)),
      timeout,
    );
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * @param {number} ms
 * @returns {Promise<void>} for the few claims that are about a delay
 */
const delay = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

module.exports = { Condition, TIMEOUT_MS, delay, within };
