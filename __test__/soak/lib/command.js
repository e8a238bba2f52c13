'use strict';

/**
 * @file The command line of the long runs, and their child processes.
 */

const path = require('node:path');
const { Child } = require('../../support/child');
const { parseArgs } = require('node:util');

/**
 * Reads options of the form `--name N`, where N is a number from 0.
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
  if (wrong) throw new Error(`--${wrong} is not a number from 0: ${values[wrong]}`);
  return options;
}

/**
 * A process of a long run. It shows what it prints, and answers by IPC.
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
