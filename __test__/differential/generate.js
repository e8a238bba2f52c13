'use strict';

const { abortedRequest, requests } = require('./generate-http');
const { hixie } = require('./generate-hixie');
const { session } = require('./generate-session');
const { websocket } = require('./generate-websocket');
const { Random } = require('../support/random');
const { Script } = require('./script');

/**
 * @param {string} id
 * @param {number} seed
 * @param {number} number
 * @returns {Script} the random case of this seed and number
 */
function generate(id, seed, number) {
  const random = new Random(seed, number);
  const script = new Script(id);
  const kind = random.weighted([
    [5, requests],
    [1, abortedRequest],
    [4, session],
    [5, websocket],
    [1, hixie],
  ]);
  kind(random, script);
  return script;
}

module.exports = { generate };
