'use strict';

/**
 * @file The globals that this package calls, as they were when it was loaded: test frameworks replace them
 * later, by clocks that stand still. Files of `lib/` take them from here (`eslint.config.js`).
 */

const { performance } = require('node:perf_hooks');
const {
  setImmediate,
  setInterval,
  setTimeout,
  clearInterval,
  clearTimeout,
} = require('node:timers');

const { queueMicrotask } = globalThis;
const { nextTick } = process;
const { parse, stringify } = JSON;

/** Milliseconds since the process has started. */
const now = performance.now.bind(performance);

module.exports = {
  Buffer: require('node:buffer').Buffer,
  JSON: { parse, stringify },
  clearInterval,
  clearTimeout,
  nextTick,
  now,
  queueMicrotask,
  setImmediate,
  setInterval,
  setTimeout,
};
