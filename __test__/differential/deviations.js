'use strict';

/**
 * @file The differences that are meant, each with its number in contract section 4, or with 'fault'
 * where section 7 says that 0.3.24 is not to be followed.
 */

/**
 * @typedef {object} Deviation
 * @property {number | string} contract
 * @property {string} title
 * @property {(difference: import('./compare').Difference, context: Context) => boolean} matches
 */

/**
 * @typedef {{both: {oracle: any, ours: any}, script: import('./script').Script,
 *   isAlone: boolean}} Context
 */

/** The known ways to make 0.3.24 throw from afar. */
const CRASHES = [
  // A message behind the one at which the application closed.
  /Cannot read properties of null \(reading 'didMessage'\)/,
  // An upgrade request to a plain route.
  /res\.(?:getHeader|setHeader) is not a function/,
  /'connection' with null/,
  /Invalid URL|ERR_INVALID_URL/,
];

/** @type {Deviation[]} */
const DEVIATIONS = [
  {
    contract: 1,
    title: 'conn.headers has origin',
    matches: ({ path, oracle, ours }) =>
      /^sessions\.\d+\.\d+\.facts\.headers\.origin$/.test(path) &&
      oracle === undefined &&
      typeof ours === 'string',
  },
  {
    contract: 3,
    title: 'an upgrade to a plain route is answered as a request without Upgrade, then closed',
    matches: ({ path }, { both, script }) => {
      const [, name] = /^connections\.([^.]+)\.responses\.\d+\./.exec(path) ?? [];
      return (
        name !== undefined &&
        both.ours.connections[name].isClosed &&
        requestOf(path, script)?.isUpgrade === true
      );
    },
  },
  {
    contract: 3,
    title: '0.3.24 throws, to the process, at what a peer sends; what follows there is of no use',
    matches: (_, { both: { oracle, ours }, isAlone }) =>
      isAlone &&
      !ours.died &&
      ours.uncaught.length === 0 &&
      (oracle.uncaught ?? [oracle.died]).some((line) => CRASHES.some((crash) => crash.test(line))),
  },
  {
    contract: 'proposed',
    title: 'remoteAddress is there also for a pipelined request, whose response has no socket yet',
    matches: ({ path, oracle, ours }, { script }) =>
      /^sessions\.\d+\.\d+\.(?:remotePort|(?:value\.)?remoteAddress|value\.family)$/.test(path) &&
      oracle === undefined &&
      typeof ours === 'string' &&
      script.steps.some(({ requests }) => requests?.length > 1),
  },
  {
    contract: 7,
    title: 'htmlfile frames escape </ and <!-- inside the script',
    matches: ({ path, oracle, ours }) =>
      /^connections\.[^.]+\.responses\.\d+\.body$/.test(path) &&
      oracle.startsWith('<!doctype html>') &&
      oracle !== ours &&
      // Where a backslash stood before, there are two more than that.
      unescaped(ours) === unescaped(oracle),
  },
];

function unescaped(html) {
  return html.replace(/<\\\\?(?=\/|!--)/g, '<');
}

/** The request that a response at this path answers. */
function requestOf(path, { steps }) {
  const [, name, index] = /^connections\.([^.]+)\.responses\.(\d+)/.exec(path) ?? [];
  const requests = steps.flatMap((step) => (step.on === name && step.requests) || []);
  return requests[index];
}

/**
 * @param {import('./compare').Difference} difference
 * @param {Context} context
 * @returns {Deviation | undefined} the one that allows a difference
 */
function allowed(difference, context) {
  const { script, both } = context;
  if (script.deviation?.holds(both.ours, both.oracle)) return script.deviation;
  return DEVIATIONS.find(({ matches }) => matches(difference, context));
}

module.exports = { DEVIATIONS, allowed };
