'use strict';

/**
 * @file The differences that are meant, each with its number in contract section 4, or with the word
 * of section 7 that says it is "not to be kept".
 */

/**
 * @typedef {object} Deviation
 * @property {number | string} contract
 * @property {string} title
 * @property {(difference: import('./compare').Difference, both: {oracle: any, ours: any},
 *   script: import('./script').Script) => boolean} matches
 */

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
];

/**
 * @returns {Deviation | undefined} the one that allows a difference
 */
function allowed(difference, both, script) {
  return DEVIATIONS.find(({ matches }) => matches(difference, both, script));
}

module.exports = { DEVIATIONS, allowed };
