'use strict';

/**
 * @file What waits while a connection is paused.
 */

class PausedMessages {
  constructor() {
    this.paused = true;
    this.delivering = false;
    /** Messages that had been read already. @type {unknown[]} */
    this.messages = [];
    /** How many of them have been delivered. */
    this.delivered = 0;
    /** What answers requests on the bridge that bring more. @type {(() => void)[]} */
    this.senders = [];
  }

  isEmpty() {
    return this.delivered === this.messages.length;
  }

  /** The next message. Delivered ones are let go of in large steps, so that all of it is linear. */
  take() {
    const message = this.messages[this.delivered++];
    if (this.delivered > this.messages.length / 2) {
      this.messages.splice(0, this.delivered);
      this.delivered = 0;
    }
    return message;
  }

  answerSenders() {
    const { senders } = this;
    this.senders = [];
    for (const answer of senders) answer();
  }
}

module.exports = { PausedMessages };
