'use strict';

/**
 * @file The globals that this package uses, as they were when it was loaded. Test frameworks replace them later, for
 * example by timers that never fire. ESLint requires that files of `lib/` import them from here.
 */

const { performance } = require('node:perf_hooks');
const {
  setImmediate,
  setInterval,
  setTimeout,
  clearInterval,
  clearTimeout,
} = require('node:timers');

const { Promise, queueMicrotask } = globalThis;
const { nextTick } = process;
const { parse, stringify } = JSON;

/** Milliseconds of a clock that never goes back. */
const now = performance.now.bind(performance);

module.exports = {
  Buffer: require('node:buffer').Buffer,
  JSON: { parse, stringify },
  Promise,
  clearInterval,
  clearTimeout,
  nextTick,
  now,
  queueMicrotask,
  setImmediate,
  setInterval,
  setTimeout,
};
