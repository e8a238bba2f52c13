'use strict';

const { Random } = require('./prng');
const { Script } = require('./script');

/** @returns {Script} the case of this number */
function generate(id, seed, number) {
  const random = new Random(seed, number);
  const script = new Script(id);
  script.get('a', random.pick(['/echo', '/echo/', '/echo/info']));
  return script;
}
module.exports = { generate };
