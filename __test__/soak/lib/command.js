'use strict';

/**
 * @file Command-line options and child processes of the long runs.
 */

const path = require('node:path');
const { parseArgs } = require('node:util');
const { Child } = require('../../support/child');

/**
 * Reads options of the form `--name N`, where N is at least 0.
 *
 * @template {Record<string, number>} T
 * @param {string[]} args
 * @param {T} defaults
 * @returns {T}
 */
function numbers(args, defaults) {
  const known = mapValues(defaults, (value) => ({ type: 'string', default: String(value) }));
  const { values } = parseArgs({ args, options: known });
  const options = mapValues(values, Number);
  const wrong = Object.keys(options).find((name) => !(options[name] >= 0));
  if (wrong) throw new Error(`--${wrong} must be a number, at least 0: ${values[wrong]}`);
  return options;
}

/**
 * Starts a process of a long run. Its stdout is shown. It answers questions by IPC.
 *
 * @param {string} name of a file in `soak/`
 * @param {Record<string, unknown>} env
 * @param {Pick<import('../../support/child').Options, 'execArgv' | 'onMessage'>} [options]
 */
function start(name, env, options) {
  return new Child(path.join(__dirname, '..', name), {
    env: mapValues(env, String),
    ipc: true,
    stdout: 'inherit',
    ...options,
  });
}

const mapValues = (object, change) =>
  Object.fromEntries(Object.entries(object).map(([key, value]) => [key, change(value)]));

module.exports = { numbers, start };
