'use strict';

/** `npm start`: makes a fresh clone ready, then runs the demo. */

const { ready } = require('./ready');

async function main() {
  await ready();
  require('../examples/demo/server.js').main();
}

main().catch((error) => {
  console.error(error.message);
  process.exit(1);
});
