'use strict';

/**
 * @file `npm run bench`: measures sockjs-rs and its peers, prints a table, and writes JSON. README.md describes what is
 * measured, and how.
 */

const { spawnSync } = require('node:child_process');
const { existsSync, mkdirSync, statSync, writeFileSync } = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { setTimeout: sleep } = require('node:timers/promises');
const { parseArgs } = require('node:util');

const { CASES, GROWTH, PEERS } = require('./lib/cases');
const {
  killChildren,
  residentBytes,
  run,
  runLoad,
  startLoad,
  startServer,
} = require('./lib/processes');
const { checks, growth, summarise, table, verdict } = require('./lib/summary');

const OPTIONS = {
  rounds: { type: 'string', default: '5' },
  seconds: { type: 'string', default: '1' },
  warmup: { type: 'string', default: '1' },
  case: { type: 'string', default: '' },
  peer: { type: 'string', default: '' },
  quiet: { type: 'string', default: '5' },
  out: { type: 'string' },
  sleep: { type: 'boolean', default: false },
  'allow-debug': { type: 'boolean', default: false },
  strict: { type: 'boolean', default: false },
  list: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
};

const USAGE = `Usage: npm run bench -- [options]
  --rounds N      rounds of each case, twice as many in unpinned cases; medians are printed (${OPTIONS.rounds.default})
  --seconds N     length of one measurement (${OPTIONS.seconds.default})
  --warmup N      seconds of load before it (${OPTIONS.warmup.default})
  --case REGEX    only cases whose name matches
  --peer REGEX    only peers whose name matches
  --quiet N       a round is disturbed if other processes took more than N % of one CPU (${OPTIONS.quiet.default})
  --sleep         let the load generator sleep on its own CPU too; waking it costs the servers time
  --out FILE      the JSON file that is written (bench/results/<date>.json)
  --allow-debug   also measure a debug build of the addon
  --strict        exit with 1 if a bound is missed
  --list          print the cases and exit`;

/** A case fails if a server handles less than this share of the rate of the case. */
const MIN_RATE = 0.99;

/** A larger addon is a debug build. Bytes. */
const MAX_RELEASE_SIZE = 16 * 1024 * 1024;

async function main() {
  const { values: options } = parseArgs({ options: OPTIONS });
  if (options.help) return console.log(USAGE);
  const cases = select(options);
  if (options.list) return console.log(cases.map((test) => test.name).join('\n'));

  checkMachine(cases);
  if (!options['allow-debug']) refuseDebugBuild();
  const settings = {
    rounds: positive(options, 'rounds'),
    seconds: positive(options, 'seconds'),
    warmup: positive(options, 'warmup'),
    quiet: positive(options, 'quiet'),
    sleep: options.sleep,
    binaries: await buildLoad(),
  };

  const results = [];
  for (const group of groups(cases)) {
    for (const result of await measure(group, settings)) {
      results.push(result);
      const { name, error } = result;
      console.log(`${error ? `${name}\n  FAILED ${error}` : table(result)}\n`);
    }
  }
  const between = growth(results);
  if (between.length > 0) console.log(`${between.map(verdict).join('\n')}\n`);

  const all = [...results.flatMap((result) => result.checks), ...between];
  const missed = all.filter((check) => !check.ok).length;
  console.log(`${all.length - missed} of ${all.length} bounds hold`);
  const out = options.out ?? path.join(__dirname, 'results', `${stamp()}.json`);
  mkdirSync(path.dirname(out), { recursive: true });
  const report = { ...environment(settings), cases: results, growth: between };
  writeFileSync(out, `${JSON.stringify(report, null, 1)}\n`);
  console.log(`written to ${path.relative(process.cwd(), out)}`);
  const failed = results.filter((result) => result.error).length;
  if (failed > 0) throw new Error(`${failed} cases failed`);
  if (options.strict && missed > 0) process.exitCode = 1;
}

/** The cases and peers that `--case` and `--peer` select. */
function select(options) {
  const [name, peer] = [new RegExp(options.case, 'i'), new RegExp(options.peer, 'i')];
  const cases = CASES.filter((test) => name.test(test.name))
    .map((test) => ({ ...test, peers: test.peers.filter((other) => peer.test(other)) }))
    .filter((test) => test.peers.length > 0);
  if (cases.length === 0) throw new Error('no case matches; --list prints them');
  return cases;
}

function positive(options, name) {
  const value = Number(options[name]);
  if (!(value > 0)) throw new Error(`--${name} must be a number above 0, not ${options[name]}`);
  return value;
}

/** Throws before the first measurement if the machine lacks something. */
function checkMachine(cases) {
  if (process.platform !== 'linux') throw new Error('the benchmarks need Linux: /proc and taskset');
  if (os.cpus().length < 2) throw new Error('the benchmarks need two CPUs, one for the load');
  const peers = new Set(cases.flatMap((test) => test.peers));
  for (const name of ['sockjs', 'ws', 'socket.io']) {
    if (!peers.has(name)) continue;
    try {
      require.resolve(name);
    } catch {
      throw new Error(`the peer ${name} is not installed: run npm install`);
    }
  }
}

function refuseDebugBuild() {
  require('..');
  const addon = Object.keys(require.cache).find((file) => file.endsWith('.node'));
  if (addon && statSync(addon).size > MAX_RELEASE_SIZE) {
    throw new Error(`${addon} is a debug build: run npm run build`);
  }
}

/** Builds the load generator and returns the folder of its programs. */
async function buildLoad() {
  const folder = path.join(__dirname, 'load');
  await run(['cargo', 'build', '--release', '--locked', '--quiet'], { cwd: folder });
  const target = process.env.CARGO_TARGET_DIR ?? path.join(folder, 'target');
  const binaries = path.resolve(folder, target, 'release');
  if (!existsSync(path.join(binaries, 'load'))) throw new Error(`no load generator in ${binaries}`);
  return binaries;
}

/** Groups the cases that are compared with each other. They run together, because the speed of a machine changes. */
function groups(cases) {
  const together = GROWTH.map((compared) => cases.filter((test) => compared.cases.test(test.name)));
  return cases.flatMap((test) => {
    const group = together.find((some) => some.includes(test)) ?? [test];
    return group[0] === test ? [group] : [];
  });
}

/** Measures a group of cases. A case that fails has the property `error`; the others continue. */
async function measure(group, settings) {
  const results = group.map(({ name, load, server = [], pinned = true }) => {
    return { name, load, server, pinned, summaries: {}, checks: [], rounds: [] };
  });
  const rounds = settings.rounds * Math.max(...group.map((test) => test.timesRounds ?? 1));
  for (let round = 0; round < rounds; round++) {
    for (const [index, test] of group.entries()) {
      const result = results[index];
      if (result.error) continue;
      try {
        progress(`${test.name}: round ${round + 1} of ${rounds}`);
        await measureRound(test, settings, round, result.rounds);
      } catch (error) {
        result.error = error.message;
      }
    }
  }
  progress('');
  for (const [index, test] of group.entries()) {
    if (!results[index].error) conclude(test, results[index]);
  }
  return results;
}

/** Computes the figures of a case from its rounds. */
function conclude(test, result) {
  for (const peer of test.peers) {
    const summary = summarise(result.rounds.filter((round) => round.peer === peer));
    // The lower bounds in Rust run no JavaScript.
    if (PEERS[peer].floor) delete summary.js;
    result.summaries[peer] = summary;
  }
  result.checks = checks(test, result.summaries);
}

/** One round of a case: measures each peer once. Each round begins with another peer. */
async function measureRound(test, settings, round, rounds) {
  const first = round % test.peers.length;
  const peers = [...test.peers.slice(first), ...test.peers.slice(0, first)];
  for (const peer of peers) {
    const report = await measurePeer(test, peer, settings);
    rounds.push({ round: round + 1, peer, disturbed: isDisturbed(report, settings), report });
  }
}

/** One measurement, with a server of its own. */
async function measurePeer(test, peer, settings) {
  const { load, server: args = [], pinned = true } = test;
  const target = await startServer(peer, args, pinned, settings.binaries);
  try {
    if (test.command) return await growthByCommand(test, peer, target, settings);
    if (load.scenario === 'idle') return await memory(test, peer, target, settings);
    const { seconds } = settings;
    const warmup = settings.warmup * (test.warmup ?? 1);
    const parameters = {
      seconds,
      'warmup-seconds': warmup,
      spin: pinned && !settings.sleep,
      ...load,
    };
    const report = await runLoad(peer, parameters, target, pinned, settings.binaries);
    report.messages *= test.operations ?? 1;
    report.rate *= test.operations ?? 1;
    if (report.rate < MIN_RATE * load.rate) {
      throw new Error(`only ${Math.round(report.rate)} of ${load.rate} messages a second`);
    }
    return report;
  } catch (error) {
    const printed = target.server.errors.trim();
    const suffix = printed ? `\nthe server printed: ${printed}` : '';
    throw new Error(`${test.name}, ${peer}: ${error.message}${suffix}`, { cause: error });
  } finally {
    await target.server.end();
  }
}

/** Resident memory for each of many idle connections. */
async function memory({ load, pinned = true }, peer, target, { binaries }) {
  const hold = (connections) => {
    const clients = startLoad(peer, { ...load, connections }, target, pinned, binaries);
    return whileOpen(clients, () => collected(target.server));
  };
  // A few connections come first, so that the code and tables that they load are not counted.
  await hold(WARMUP_CONNECTIONS);
  const before = await collected(target.server);
  const after = await hold(load.connections);
  return { before, after, bytes: (after - before) / load.connections };
}

const WARMUP_CONNECTIONS = 50;

/** Resident memory that a command of the server needs, while connections are open; divided by its units. */
async function growthByCommand({ load, command, pinned = true }, peer, target, { binaries }) {
  const connections = command.connections?.[peer] ?? load.connections;
  const clients = startLoad(peer, { ...load, connections }, target, pinned, binaries);
  return whileOpen(clients, async () => {
    if (command.before) await target.server.obey(...command.before);
    const before = await collected(target.server);
    await target.server.obey(...command.measured);
    const after = await collected(target.server);
    return { before, after, bytes: (after - before) / (connections * command.units) };
  });
}

/**
 * Waits until the clients are connected, calls `measurement`, and ends them.
 *
 * @template T
 * @param {ReturnType<typeof startLoad>} clients
 * @param {() => Promise<T>} measurement
 */
async function whileOpen(clients, measurement) {
  try {
    await clients.line();
    const result = await measurement();
    const { exitCode } = clients.process;
    if (exitCode !== null) {
      throw new Error(`the clients have ended (${exitCode}): ${clients.errors}`);
    }
    return result;
  } finally {
    await clients.end();
    await sleep(200);
  }
}

/** Resident bytes of a server after a garbage collection. */
async function collected(server) {
  await sleep(300);
  await server.obey('collect', 'collected');
  return residentBytes(server.process.pid);
}

/** Whether other processes took so much CPU time that the round does not count. */
function isDisturbed(report, { quiet }) {
  if (!report.cpu) return false;
  const others = report.cpu.others_ns + report.cpu.stolen_ns;
  return (others / (report.seconds * 1e9)) * 100 > quiet;
}

/** The machine, the versions and the settings of the run. */
function environment(settings) {
  const { rounds, seconds, warmup, quiet } = settings;
  const version = (name) => require(`${name}/package.json`).version;
  const versions = { node: process.version };
  for (const name of ['sockjs', 'ws', 'socket.io']) {
    try {
      versions[name] = version(name);
    } catch {
      versions[name] = null;
    }
  }
  versions['sockjs-rs'] = require('../package.json').version;
  const describe = ['describe', '--always', '--dirty', '--abbrev=40', '--exclude=*'];
  const head = spawnSync('git', describe, { cwd: __dirname, encoding: 'utf8' });
  return {
    date: new Date().toISOString(),
    commit: head.status === 0 ? head.stdout.trim() : null,
    machine: {
      cpu: os.cpus()[0].model,
      cpus: os.cpus().length,
      memory: os.totalmem(),
      kernel: `${os.type()} ${os.release()}`,
      arch: os.arch(),
    },
    versions,
    settings: { rounds, seconds, warmup, quiet, sleep: settings.sleep },
  };
}

function stamp() {
  return new Date().toISOString().slice(0, 16).replace(':', '');
}

/** @param {string} text replaces the previous one; shown only on a terminal */
function progress(text) {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.once(signal, () => {
    killChildren();
    process.exit(130);
  });
}
process.on('exit', killChildren);

main().catch((error) => {
  progress('');
  console.error(`bench: ${error.message}`);
  process.exitCode = 1;
});
