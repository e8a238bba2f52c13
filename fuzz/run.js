'use strict';

/**
 * @file `npm run fuzz`: runs libFuzzer on the pure core and the parsers, and compares their answers with Node's.
 *
 *     --seconds N      time for each target (default: 60)
 *     --target NAME    runs this target only
 *     --jobs N         number of targets that run at once (default: the number of processors)
 *     --replay FILE    runs this input only; needs --target
 *
 * A stable toolchain is enough: libFuzzer comes with `libfuzzer-sys`, which needs a C++ compiler, and the coverage
 * comes from a pass of LLVM.
 */

const { spawn, spawnSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { parseArgs } = require('node:util');

const TARGETS = [
  ...['payloads', 'quoting', 'targets', 'session', 'gate', 'websocket', 'hixie'],
  ...['byte_queue', 'rooms'],
];
/** Not a libFuzzer target: the core and Node get the same random questions, and must give the same answers. */
const AGAINST_NODE = 'against-node';

/** Characters of a target's output that are kept. */
const KEPT = 1 << 20;

const RUSTFLAGS = [
  '-Cpasses=sancov-module',
  '-Cllvm-args=-sanitizer-coverage-level=4',
  '-Cllvm-args=-sanitizer-coverage-inline-8bit-counters',
  '-Cllvm-args=-sanitizer-coverage-pc-table',
  '-Cllvm-args=-sanitizer-coverage-trace-compares',
];

async function main() {
  const { values } = parseArgs({
    options: {
      seconds: { type: 'string', default: '60' },
      target: { type: 'string' },
      jobs: { type: 'string', default: String(os.cpus().length) },
      replay: { type: 'string' },
    },
  });
  const all = [...TARGETS, AGAINST_NODE];
  const chosen = values.target === undefined ? all : [values.target];
  if (!all.includes(chosen[0])) throw new Error(`--target must be one of ${all.join(', ')}`);
  const seconds = count('--seconds', values.seconds);
  const jobs = count('--jobs', values.jobs);
  const triple = /^host: (.*)$/m.exec(output('rustc', ['-vV']))[1];
  const libFuzzer = chosen.filter((name) => name !== AGAINST_NODE);
  // With --target the flags do not apply to build scripts, which must not count their own coverage.
  if (libFuzzer.length > 0) build(libFuzzer, ['--target', triple], RUSTFLAGS);
  if (chosen.includes(AGAINST_NODE)) build(['answers'], [], []);
  /** @type {Record<string, object>} */
  const table = Object.fromEntries(chosen.map((name) => [name, {}]));
  let failed = false;
  const waiting = [...chosen];
  const work = async () => {
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
      console.log(`${name}: ${values.replay ?? `${seconds} s`}`);
      const result =
        name === AGAINST_NODE
          ? await askNode(seconds)
          : await fuzz(name, program(name, triple), seconds, values.replay);
      table[name] = result.figures;
      failed ||= result.failed;
    }
  };
  await Promise.all(Array.from({ length: jobs }, work));
  console.table(table);
  process.exitCode = failed ? 1 : 0;
}

/**
 * @param {string} option
 * @param {string} value
 */
function count(option, value) {
  const number = Number(value);
  if (!Number.isSafeInteger(number) || number < 1) {
    throw new Error(`${option} must be a whole number above 0, not "${value}"`);
  }
  return number;
}

/**
 * @param {string} name
 * @param {string} triple
 */
function program(name, triple) {
  return path.join(__dirname, 'target', triple, 'release', name);
}

/**
 * @param {string[]} bins
 * @param {string[]} args
 * @param {string[]} flags
 */
function build(bins, args, flags) {
  const names = bins.flatMap((name) => ['--bin', name]);
  const { status } = spawnSync('cargo', ['build', '--release', '--locked', ...args, ...names], {
    cwd: __dirname,
    stdio: 'inherit',
    env: { ...process.env, RUSTFLAGS: flags.join(' ') },
  });
  if (status !== 0) throw new Error('The fuzz targets do not build. Is there a C++ compiler?');
}

/**
 * Runs one target.
 *
 * @param {string} name
 * @param {string} file
 * @param {number} seconds
 * @param {string | undefined} replay
 */
async function fuzz(name, file, seconds, replay) {
  const seeds = path.join(__dirname, 'seeds', name);
  const corpus = path.join(__dirname, 'corpus', name);
  const artifacts = path.join(__dirname, 'artifacts', '/');
  fs.mkdirSync(corpus, { recursive: true });
  fs.mkdirSync(artifacts, { recursive: true });
  const args = replay
    ? [path.resolve(replay)]
    : [
        `-max_total_time=${seconds}`,
        '-max_len=4096',
        '-timeout=10',
        '-print_final_stats=1',
        `-artifact_prefix=${artifacts}${name}-`,
        corpus,
        seeds,
      ];
  const { status, stderr } = await finish(file, args);
  if (status !== 0 || replay) {
    console.error(stderr.split('\n').slice(-60).join('\n'));
  }
  if (status !== 0) {
    console.error(
      `To repeat it: npm run fuzz -- --target ${name} --replay FILE (its name is above)`,
    );
  }
  const number = (/** @type {RegExp} */ pattern) =>
    Number([...stderr.matchAll(pattern)].at(-1)?.[1]);
  return {
    failed: status !== 0,
    figures: {
      inputs: number(/number_of_executed_units: (\d+)/g),
      edges: number(/cov: (\d+)/g),
      corpus: number(/corp: (\d+)/g),
      seconds,
      result: status === 0 ? 'held' : 'FAILED',
    },
  };
}

/** @param {number} seconds */
async function askNode(seconds) {
  const script = path.join(__dirname, 'against-node.js');
  const args = [script, '--seconds', String(seconds)];
  const { status, stdout, stderr } = await finish(process.execPath, args);
  if (status !== 0) console.error(stderr);
  const inputs = Number(/^(\d+) questions/m.exec(stdout)?.[1]);
  return {
    failed: status !== 0,
    figures: { inputs, seconds, result: status === 0 ? 'held' : 'FAILED' },
  };
}

/**
 * Runs a program to its end.
 *
 * @param {string} file
 * @param {string[]} args
 * @returns {Promise<{ status: number | null, stdout: string, stderr: string }>}
 */
function finish(file, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let [stdout, stderr] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text) => (stdout += text));
    // A run of hours prints much, and only the end matters.
    child.stderr.setEncoding('utf8').on('data', (text) => (stderr = (stderr + text).slice(-KEPT)));
    child.on('error', reject);
    child.on('close', (status) => resolve({ status, stdout, stderr }));
  });
}

/**
 * @param {string} file
 * @param {string[]} args
 */
function output(file, args) {
  return spawnSync(file, args, { encoding: 'utf8' }).stdout;
}

main().catch((error) => {
  console.error(error.message);
  process.exit(1);
});
