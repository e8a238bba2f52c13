'use strict';

/**
 * @file `npm run soak -- --minutes N`: sessions of all transports, in cycles. At the end of a cycle, all
 * sessions end, except for the residents: a few websockets. Then the server must not use more descriptors and
 * threads than after the first cycle.
 */

const { setTimeout: delay } = require('node:timers/promises');

const { within } = require('../support/wait');
const { numbers, start } = require('./lib/command');
const { RESIDENTS } = require('./lib/plan');
const { cpuSeconds, descriptors, growth, mebibytes, sample } = require('./lib/sample');

/** Milliseconds for which a cycle opens new sessions. */
const CYCLE_MS = 30_000;
/** Milliseconds within which all sessions must end after a cycle. Includes `disconnect_delay`. */
const QUIESCE_MS = 30_000;
/** Milliseconds after which a client's wait fails. */
const TIMEOUT_MS = 30_000;
/** How many violations are shown in full. More end the run. */
const SHOWN = 10;

/** @param {string[]} args */
async function steady(args) {
  const options = numbers(args, {
    minutes: 10,
    seed: Date.now() % 1_000_000,
    sessions: 40,
    processes: 1,
    'io-threads': 1,
  });
  const soak = new Soak(options);
  let interrupted = 0;
  process.on('SIGINT', () => {
    if (++interrupted > 1) process.exit(130);
    console.log('— ending after this cycle; press Ctrl-C again to end immediately');
    soak.interrupt();
  });
  return soak.run();
}

class Soak {
  constructor(options) {
    this.options = options;
    this.violations = [];
    /** Samples of the server at the end of each cycle. */
    this.samples = [];
    this.peak = { rss: 0, descriptors: 0 };
    this.interrupted = new AbortController();
  }

  interrupt() {
    this.interrupted.abort();
  }

  async run() {
    const { minutes, seed, sessions, processes, 'io-threads': ioThreads } = this.options;
    const title = `soak: ${minutes} min, ${processes} × ${sessions} sessions at a time`;
    console.log(`${title}, ${ioThreads} I/O threads, --seed ${seed}`);
    const onMessage = ({ violation }) => violation && this.violate(violation);
    this.server = start(
      'server.js',
      { SOAK_SEED: seed, SOAK_IO_THREADS: ioThreads },
      { execArgv: ['--expose-gc'], onMessage },
    );
    const ports = await this.server.ask('ports');
    this.clients = Array.from({ length: processes }, (_, index) =>
      start(
        'clients.js',
        {
          SOAK_SEED: seed,
          SOAK_SESSIONS: sessions,
          SOAK_PROCESS: index,
          SOAK_TAKEOVER: ports.takeover,
          SOAK_BRIDGE: ports.bridge,
          TEST_TIMEOUT_MS: TIMEOUT_MS,
        },
        { onMessage },
      ),
    );
    await Promise.all(this.clients.map((client) => client.ask('openResidents')));
    const timer = setInterval(() => this.measurePeak(), 500);
    const begun = Date.now();
    const end = begun + minutes * 60_000;
    const cycle = Math.min(CYCLE_MS, (minutes * 60_000) / 6);
    try {
      while (Date.now() < end && !this.interrupted.signal.aborted) {
        await this.cycle(Math.min(cycle, end - Date.now()));
        if (this.violations.length > SHOWN) break;
      }
      await this.finish();
    } catch (error) {
      this.violate({ name: '?', side: 'soak', what: error.stack });
    }
    clearInterval(timer);
    return this.summary((Date.now() - begun) / 1000);
  }

  violate(violation) {
    this.violations.push(violation);
    if (this.violations.length > SHOWN && violation.side !== 'soak') return;
    console.log(`VIOLATION ${JSON.stringify(violation, null, 2)}`);
    // Shows the server's side of the session too.
    if (violation.side === 'client') {
      this.server.ask('session', violation.name).then(
        (session) => console.log(`the server's side of ${violation.name}:`, session),
        () => {},
      );
    }
  }

  /** Measures the server during a cycle. */
  measurePeak() {
    if (this.server.status) return;
    const { rss, descriptors: open } = sample(this.server.pid);
    this.peak.rss = Math.max(this.peak.rss, rss);
    this.peak.descriptors = Math.max(this.peak.descriptors, open);
  }

  /** Opens sessions for some time, waits until all have ended, and measures the server. */
  async cycle(milliseconds) {
    const cpu = cpuSeconds(this.server.pid);
    const begun = Date.now();
    for (const client of this.clients) client.send({ order: 'start' });
    await delay(milliseconds, undefined, this.interrupted).catch(() => {});
    const used = (cpuSeconds(this.server.pid) - cpu) / ((Date.now() - begun) / 1000);
    // A client whose wait fails ends its session after TIMEOUT_MS.
    const ended = Promise.all(this.clients.map((client) => client.ask('quiesce')));
    const timeout = 2 * TIMEOUT_MS + QUIESCE_MS;
    this.totals = await within(ended, timeout, 'the end of all sessions').catch((error) =>
      this.reportActive(error),
    );
    const report = await this.reportWhenIdle();
    this.samples.push({ ...sample(this.server.pid), ...report });
    this.progress(used);
  }

  /** Reports the sessions that do not end. */
  async reportActive(error) {
    for (const client of this.clients) {
      for (const state of await client.ask('active')) {
        this.violate({
          name: state.plan.name,
          side: 'client',
          what: 'the session does not end',
          state,
        });
      }
    }
    throw error;
  }

  /**
   * Waits until only residents are left and the server does not use more descriptors and threads than after
   * the first cycle. A timeout is a violation.
   */
  async reportWhenIdle() {
    const residents = this.clients.length * RESIDENTS;
    const until = Date.now() + QUIESCE_MS;
    const first = this.samples[0];
    for (;;) {
      const report = await this.server.ask('report');
      const { threads, descriptors: open } = sample(this.server.pid);
      const alive = report.opened - report.closed;
      const isIdle = alive === residents && report.thrown === report.caught;
      if (isIdle && (!first || (open <= first.descriptors && threads <= first.threads))) {
        return report;
      }
      if (Date.now() > until) {
        this.violate({
          name: '?',
          side: 'soak',
          what: 'the server uses more than after the first cycle',
          state: { report, residents, open, threads, first, kinds: descriptors(this.server.pid) },
        });
        return report;
      }
      await delay(200);
    }
  }

  /** The sums over all client processes. */
  sums() {
    const sums = {};
    for (const { counts, transports } of this.totals ?? []) {
      for (const [name, value] of Object.entries({ ...counts, ...transports })) {
        sums[name] =
          name === 'largest' || name === 'stall'
            ? Math.max(value, sums[name] ?? 0)
            : (sums[name] ?? 0) + value;
      }
    }
    return sums;
  }

  progress(used) {
    const now = this.samples.at(-1);
    const sums = this.sums();
    const time = new Date().toISOString().slice(11, 19);
    console.log(
      `${time} sessions ${sums.sessions} invalid clients ${sums.invalid} messages ${sums.received + sums.sent}`,
      `violations ${this.violations.length} | rss ${mebibytes(now.rss)} data ${mebibytes(now.data)}`,
      `heap ${mebibytes(now.heapUsed)} external ${mebibytes(now.external)} MiB`,
      `stalls ${sums.stall}/${now.stall} ms descriptors ${now.descriptors} threads ${now.threads} cpu ${Math.round(used * 100)} %`,
    );
  }

  /** Disconnects all clients and closes the http servers. Then the server's process must end by itself. */
  async finish() {
    this.report = await this.server.ask('report');
    for (const client of this.clients) client.send({ order: 'disconnect' });
    await Promise.all(this.clients.map((client) => client.exit()));
    this.server.send({ order: 'stop' });
    const exited = await this.server.exit(QUIESCE_MS);
    if (exited.code !== 0 || this.server.errors !== '') {
      const what = `the server ended with ${exited.signal ?? exited.code}: ${this.server.errors}`;
      this.violate({ name: '?', side: 'soak', what });
    }
  }

  /** @returns {boolean} whether there was no violation */
  summary(seconds) {
    const sums = this.sums();
    console.log(`\n${(seconds / 60).toFixed(1)} min, ${this.samples.length} cycles. Clients:`);
    console.log(sums);
    console.log('Server:', this.report);
    const [first, last] = [this.samples[0], this.samples.at(-1)];
    if (first) {
      const line = (name) => `${name} ${first[name]} → ${last[name]}`;
      console.log(`${line('descriptors')}, ${line('threads')} (first cycle → last)`);
      console.log(
        `peak: ${this.peak.descriptors} descriptors, rss ${mebibytes(this.peak.rss)} MiB`,
      );
    }
    for (const { name, before, after, grows } of growth(this.samples)) {
      const verdict = grows ? 'GROWS' : 'flat';
      console.log(`${name}: ${mebibytes(before)} → ${mebibytes(after)} MiB, ${verdict}`);
      if (grows) this.violations.push({ name, what: 'grows' });
    }
    const zero = ['heartbeats', 'foreign', 'invalid'].filter((name) => !(sums[name] > 0));
    if (this.options.minutes >= 1 && zero.length > 0) {
      const what = `these counts are 0: ${zero.join(', ')}`;
      this.violations.push({ what });
      console.log(what);
    }
    console.log(
      this.violations.length === 0 ? 'no violation' : `${this.violations.length} VIOLATIONS`,
    );
    return this.violations.length === 0;
  }
}

module.exports = { steady };
