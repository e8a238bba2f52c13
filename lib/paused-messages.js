'use strict';

/**
 * @file What waits while a connection is paused.
 */

class PausedMessages {
  constructor() {
    this.paused = true;
    this.delivering = false;
    /** Messages that have been read. @type {unknown[]} */
    this.messages = [];
    /** The number of them that have been delivered; they are at the front. */
    this.delivered = 0;
    /** Functions that answer requests on the bridge with more messages. @type {(() => void)[]} */
    this.senders = [];
  }

  isEmpty() {
    return this.delivered === this.messages.length;
  }

  /** The next message. Delivered messages are removed in large steps, so that the time for all of them is linear. */
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
