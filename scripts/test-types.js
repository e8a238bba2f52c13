'use strict';

/**
 * `npm run test:types`: checks the assertions about index.d.ts, and compiles code against it: each way to import the
 * package, and code that compiles against @types/sockjs.
 */

const path = require('node:path');
const { run } = require('./ready');

const CODE = {
  'Code for @types/sockjs, against @types/sockjs': 'compatible/sockjs.json',
  'The same code, against index.d.ts': 'compatible/sockjs-rs.json',
  'Imports by ES modules and CommonJS': 'imports/nodenext.json',
  'Imports without esModuleInterop': 'imports/without-interop.json',
};

async function main() {
  await run('Assertions about the types', 'npx', ['--no-install', 'tsd']);
  for (const [what, config] of Object.entries(CODE)) {
    await run(what, 'npx', ['--no-install', 'tsc', '-p', path.join('__test__/types', config)]);
  }
}

main().catch((error) => {
  console.error(error.message);
  process.exit(1);
});
