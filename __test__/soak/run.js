'use strict';

/**
 * @file `npm run soak`: the long runs, each by its name; the steady mixture where there is none.
 */

/** Milliseconds for which the clients that the test suites share wait here: no healthy one waits so long. */
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
  if (!run) throw new Error(`${name}: there are ${Object.keys(RUNS).join(', ')}`);
  // Their children end with this process: `support/child.js`.
  process.on('SIGTERM', () => process.exit(143));
  if (named && name !== 'steady') process.on('SIGINT', () => process.exit(130));
  if (process.platform !== 'linux') throw new Error('the long runs look into /proc: Linux only');
  return run()(named ? rest : process.argv.slice(2));
}

main(process.argv.slice(2)).then(
  (good) => process.exit(good ? 0 : 1),
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
