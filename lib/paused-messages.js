'use strict';

/**
 * @file What a paused connection holds back: messages that have been read, and answers to requests that bring messages.
 */

const { setImmediate } = require('./globals');

class PausedMessages {
  /** @param {import('./session').Session} session */
  constructor(session) {
    this.session = session;
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

  resume() {
    this.paused = false;
    if (!this.delivering) this.deliver();
  }

  /** Delivers messages until a listener pauses again. If none is left, the pause is over. */
  deliver() {
    const { session } = this;
    this.delivering = true;
    try {
      while (this.mayDeliver() && !this.isEmpty()) session._emitData(this.take());
    } catch (error) {
      // The exception is thrown as an uncaught one. If the process survives it, the other messages follow.
      setImmediate(() => {
        throw error;
      });
      setImmediate(() => {
        if (this.mayDeliver()) this.deliver();
      });
      return;
    } finally {
      this.delivering = false;
    }
    // Reading continues only now. Otherwise the held messages of a listener that pauses at each message would have no
    // bound.
    if (this.mayDeliver()) session._endPause();
  }

  /** Whether the session still holds these messages, and they may be delivered. */
  mayDeliver() {
    return this.session._held === this && !this.paused;
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
