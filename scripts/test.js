'use strict';

/**
 * `npm test`: makes a fresh clone ready, then checks formatting and lints, and runs the Rust tests, the type tests,
 * the Jest suite and the differential test. It ends at the first failure. It uses Node's own modules only.
 */

const { ready, run } = require('./ready');

async function main() {
  await ready();
  await run('formatting (Rust)', 'cargo', ['fmt', '--check']);
  await run('formatting and lints (JavaScript)', 'npm', ['run', '--silent', 'lint']);
  // Without features the crate is its pure core, which must build without napi and tokio.
  await run('the pure core alone', 'cargo', ['build', '--locked', '--no-default-features']);
  // On Windows sockets cannot be taken over, so the addon must build with the bridge alone.
  const bridgeOnly = ['check', '--locked', '--no-default-features', '--features', 'addon'];
  await run('without takeover', 'cargo', bridgeOnly);
  const clippy = ['clippy', '--locked', '--all-targets', '--', '-D', 'warnings'];
  await run('lints (Rust)', 'cargo', clippy);
  await run('Rust tests', 'cargo', ['test', '--locked', '--quiet']);
  await run('Types', 'npm', ['run', '--silent', 'test:types']);
  await run('Jest suite', 'npm', ['run', '--silent', 'test:jest']);
  const differential = ['run', '--silent', 'test:differential', '--', '--cases', '150'];
  await run('Compared with sockjs 0.3.24', 'npm', differential);
}

main().catch((error) => {
  console.error(error.message);
  process.exit(1);
});
