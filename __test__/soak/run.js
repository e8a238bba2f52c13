'use strict';

/**
 * @file `npm run soak -- [name]`: the long runs, by name; by default `steady`.
 */

/** Milliseconds after which waits of the clients in `support/` fail here. */
process.env.TEST_TIMEOUT_MS ??= '30000';

const RUNS = {
  steady: () => require('./steady').steady,
  crowd: () => require('./crowd').crowd,
  turnover: () => require('./turnover').turnover,
  workers: () => require('./workers').workers,
  endings: () => require('./endings').endings,
};

async function main([name, ...rest]) {
  const named = name !== undefined && !name.startsWith('--');
  const run = RUNS[named ? name : 'steady'];
  if (!run) throw new Error(`${name} is not one of ${Object.keys(RUNS).join(', ')}`);
  // `support/child.js` ends the children when this process exits.
  process.on('SIGTERM', () => process.exit(143));
  if (named && name !== 'steady') process.on('SIGINT', () => process.exit(130));
  if (process.platform !== 'linux') throw new Error('the long runs need /proc: Linux only');
  return run()(named ? rest : process.argv.slice(2));
}

main(process.argv.slice(2)).then(
  (ok) => process.exit(ok ? 0 : 1),
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
