'use strict';

/**
 * `npm run test:bench`: lints and tests of the load generator, which must not believe a faulty server. They
 * need the addon.
 */

const path = require('node:path');
const { ROOT, run } = require('./ready');

async function main() {
  const cwd = path.join(ROOT, 'bench', 'load');
  await run('Load generator, formatting', 'cargo', ['fmt', '--check'], { cwd });
  const clippy = ['clippy', '--locked', '--quiet', '--all-targets', '--', '-D', 'warnings'];
  await run('Load generator, lints', 'cargo', clippy, { cwd });
  await run(
    'Load generator against faulty raw websockets',
    'cargo',
    ['test', '--locked', '--quiet'],
    {
      cwd,
    },
  );
  await run('Load generator against faulty applications', 'node', [
    '--test',
    'bench/faults.test.js',
  ]);
}

main().catch((error) => {
  console.error(error.message);
  process.exit(1);
});
