'use strict';

/** Lets a player wait for events: whatever changes something rings, whoever waits looks again. */
class Bell {
  #look;

  ring() {
    this.#look?.();
  }

  /**
   * @param {() => boolean} holds
   * @param {number} patience milliseconds
   * @returns {Promise<boolean>} false if it has not come true
   */
  wait(holds, patience) {
    return new Promise((resolve) => {
      if (holds()) return resolve(true);
      const settle = (result) => {
        clearTimeout(timer);
        this.#look = undefined;
        resolve(result);
      };
      const timer = setTimeout(settle, patience, false);
      this.#look = () => holds() && settle(true);
    });
  }
}

module.exports = { Bell };
