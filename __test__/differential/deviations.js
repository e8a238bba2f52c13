'use strict';

/**
 * @file The intended differences.
 */

/** The deviations, by their number in docs/compatibility.md, "Deviations". */
const LIST = {
  1: 'conn.headers has origin',
  2: 'sessions belong to a server and its prefix',
  3: 'nothing that a peer sends ends the process',
  4: 'every buffer has a bound',
  5: 'the answer to xhr_send does not depend on listeners',
  6: 'groups in the prefix do not shift the session',
  7: 'htmlfile frames escape </ and <!--',
  8: 'log: null',
  9: 'a message in the segment of a websocket handshake is delivered',
  10: 'a pipelined request has an address; header values are not encoded twice',
  11: 'a request pipelined behind an open response is handled after it',
};

/**
 * @typedef {object} Deviation
 * @property {keyof LIST | 'fault'} number 'fault': see docs/compatibility.md, "Faults that are not kept"
 * @property {string} title
 * @property {(difference: import('./compare').Difference, context: Context) => boolean} matches
 */

/**
 * @typedef {{both: {oracle: any, ours: any}, script: import('./script').Script,
 *   isAlone: boolean}} Context
 */

/** Errors of 0.3.24 that a client can cause. */
const CRASHES = [
  // A message after the one at which the application closed.
  /Cannot read properties of null \(reading 'didMessage'\)/,
  // An upgrade request for a route that is not a websocket, answered at once or later.
  /^Error: write after end$/,
  /res\.(?:getHeader|setHeader) is not a function/,
  /'connection' with null/,
  /Invalid URL|ERR_INVALID_URL/,
];

/** @type {Deviation[]} */
const DEVIATIONS = [
  {
    number: 1,
    title: 'conn.headers has origin',
    matches: ({ path, oracle, ours }) =>
      /^sessions\.\d+\.\d+\.properties\.headers\.origin$/.test(path) &&
      oracle === undefined &&
      typeof ours === 'string',
  },
  {
    number: 3,
    title:
      'an upgrade request for a plain route is answered as without Upgrade; the connection ends',
    matches: ({ path }, { both, script }) => {
      // `rest` differs too: 0.3.24 answers HEAD with a body, and HTTP/2.0 with HTTP/2.0.
      const [, name] = /^connections\.([^.]+)\.(?:responses\.\d+|rest$)/.exec(path) ?? [];
      return (
        name !== undefined &&
        both.ours.connections[name].isClosed &&
        requestsOf(path, both, script).some((request) => request?.isUpgrade)
      );
    },
  },
  {
    number: 3,
    title: '0.3.24 has an uncaught exception because of a client; later differences mean nothing',
    matches: (_, { both: { oracle, ours }, isAlone }) =>
      isAlone &&
      !ours.crashed &&
      ours.uncaught.length === 0 &&
      (oracle.uncaught ?? [oracle.crashed]).some((line) =>
        CRASHES.some((crash) => crash.test(line)),
      ),
  },
  {
    number: 10,
    title: 'remoteAddress is set even if the response has no socket yet (pipelining, upgrades)',
    matches: ({ path, oracle, ours }, { script }) =>
      /^sessions\.\d+\.\d+\.(?:remotePort|(?:value\.)?remoteAddress|value\.family)$/.test(path) &&
      oracle === undefined &&
      typeof ours === 'string' &&
      script.steps.some(
        ({ requests }) => requests?.length > 1 || requests?.some(({ isUpgrade }) => isUpgrade),
      ),
  },
  {
    number: 10,
    title:
      'a header value with bytes above ASCII is echoed unchanged; Node changes it over HTTP/1.0',
    matches: ({ path, oracle, ours }) =>
      /^connections\.[^.]+\.responses\.\d+\.headers\.[^.]+\.\d+$/.test(path) &&
      /[^\0-\x7f]/.test(ours) &&
      Buffer.from(ours).toString('latin1') === oracle,
  },
  {
    number: 7,
    title: 'htmlfile frames escape </ and <!-- inside the script',
    matches: ({ path, oracle, ours }) =>
      /^connections\.[^.]+\.responses\.\d+\.body$/.test(path) &&
      oracle.startsWith('<!doctype html>') &&
      oracle !== ours &&
      // Compared without the backslashes that the escaping adds.
      unescaped(ours) === unescaped(oracle),
  },
];

function unescaped(html) {
  return html.replace(/<\\\\?(?=\/|!--)/g, '<');
}

/** The request for the response at this path; for `rest`, the last answered request and the next one. */
function requestsOf(path, { oracle }, { steps }) {
  const [, name, index] = /^connections\.([^.]+)\.(?:responses\.(\d+)|rest$)/.exec(path) ?? [];
  const requests = steps.flatMap((step) => (step.on === name && step.requests) || []);
  if (index !== undefined) return [requests[index]];
  const answered = oracle.connections[name].responses.length;
  return [requests[answered - 1], requests[answered]];
}

/**
 * @param {import('./compare').Difference} difference
 * @param {Context} context
 * @returns {Deviation | undefined} the deviation that allows the difference
 */
function allowed(difference, context) {
  const { script, both } = context;
  if (script.deviation?.holds(both.ours, both.oracle)) return script.deviation;
  return DEVIATIONS.find(({ matches }) => matches(difference, context));
}

module.exports = { DEVIATIONS, LIST, allowed };
