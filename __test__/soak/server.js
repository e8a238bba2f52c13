'use strict';

/**
 * @file The server of the steady run: the same services on two http servers, one for each ingress, with
 * listeners that sometimes throw, and an application with routes of its own. The parent is `steady.js`.
 */

const { monitorEventLoopDelay } = require('node:perf_hooks');

const sockjs = require('../..');
const { close, collect, serveBothIngresses } = require('./lib/ingresses');
const { Plans, confirmation, shortened } = require('./lib/plan');
const { Random } = require('../support/random');
const { answerParent } = require('../support/answers');

const { SOAK_SEED, SOAK_IO_THREADS } = process.env;

/** Delays of the event loop since the last report. */
const lag = monitorEventLoopDelay({ resolution: 20 });
lag.enable();

const plans = new Plans(Number(SOAK_SEED));
const random = new Random(Number(SOAK_SEED), 5);

/** The open sessions, by name. @type {Map<string, Session>} */
const sessions = new Map();

const counts = { opened: 0, closed: 0, received: 0, sent: 0, foreign: 0, thrown: 0, caught: 0 };

/** The message of the errors that listeners throw. Any other exception is a violation. */
const PLANNED = 'thrown by a listener of the soak';

/** Options of every service. Heartbeats and ends of responses are frequent. */
const OPTIONS = {
  heartbeat_delay: 700,
  disconnect_delay: 5000,
  response_limit: 48 * 1024,
  io_threads: Number(SOAK_IO_THREADS),
  log(severity, line) {
    if (severity !== 'error') return;
    // Caused by xhr_send and jsonp_send of invalid clients.
    if (line.startsWith('Unsupported content-type')) return;
    caught(line);
  },
};

/** @param {string} text */
function caught(text) {
  if (text.includes(PLANNED)) counts.caught++;
  else violation('?', `an unexpected exception: ${text}`);
}

function violation(name, what) {
  process.send?.({ violation: { name, side: 'server', what, state: sessions.get(name)?.state() } });
}

function throwPlanned() {
  counts.thrown++;
  throw new Error(PLANNED);
}

/** The server's side of a session. */
class Session {
  constructor(conn, name) {
    this.conn = conn;
    this.plan = plans.of(name);
    this.received = 0;
    this.written = 0;
    this.timer = undefined;
    this.pauseTimer = undefined;
    this.awaitsDrain = false;
    conn.on('data', (message) => this.take(message));
    conn.on('close', () => this.closed());
    if (this.plan.prefix === '/marked') {
      conn.on('drain', () => {
        if (!this.awaitsDrain) violation(name, "an unexpected 'drain'");
        this.awaitsDrain = false;
        this.work();
      });
    }
  }

  state() {
    const { received, written, awaitsDrain, plan, conn } = this;
    const { readyState, bufferedAmount, protocol } = conn;
    return { received, written, awaitsDrain, readyState, bufferedAmount, protocol, plan };
  }

  take(message) {
    const { plan, conn } = this;
    const number = this.received++;
    counts.received++;
    const expected = plans.message(plan, 'up', number);
    if (number >= plan.sent || message !== expected) {
      violation(
        plan.name,
        `message ${number} is ${shortened(message)}, expected ${shortened(expected)}`,
      );
    }
    if (plan.pauses && number % 9 === 4) {
      conn.pause();
      this.pauseTimer = setTimeout(() => conn.resume(), random.int(1, 150));
    }
    this.finish();
    if (plan.throws && number % 7 === 3) throwPlanned();
  }

  /** Writes a few messages, again and again until all are written. */
  work() {
    const { plan, conn } = this;
    clearTimeout(this.timer);
    for (let burst = random.int(1, plan.slow ? 40 : 12); burst > 0; burst--) {
      if (this.written === plan.down || conn.readyState !== 1) break;
      counts.sent++;
      const more = conn.write(plans.message(plan, 'down', this.written++));
      if (more) continue;
      if (plan.prefix === '/plain') {
        // When the client has disconnected, write() returns false although 'close' has not been emitted yet.
        if (plan.ending === 'server') violation(plan.name, 'write() was refused');
        return;
      }
      this.awaitsDrain = true;
      return this.finish();
    }
    if (this.written < plan.down) {
      this.timer = setTimeout(() => this.work(), random.int(0, 60));
    }
    this.finish();
  }

  /** Ends the session when both sides have sent all messages. */
  finish() {
    const { plan, conn } = this;
    if (this.ending || this.received < plan.up || this.written < plan.down) return;
    this.ending = true;
    if (plan.ending === 'server') conn.close(4000, 'done');
    else if (plan.ending === 'client' && !conn.write(confirmation(plan))) this.awaitsDrain = true;
  }

  closed() {
    const { plan, received } = this;
    clearTimeout(this.timer);
    clearTimeout(this.pauseTimer);
    // After a reset, messages may be lost.
    const least = plan.upgraded && plan.ending === 'reset' ? 0 : plan.sent;
    if (received < least || received > plan.sent) {
      violation(plan.name, `closed with ${received} messages received, of ${plan.sent} sent`);
    }
    if (plan.ending === 'server' && !this.ending) violation(plan.name, 'closed before its end');
    if (sessions.get(plan.name) === this) sessions.delete(plan.name);
    if (plan.throwsAtClose) throwPlanned();
  }
}

/** The server's side of a resident: the answer to each message has the same number. */
class Resident {
  constructor(conn, name) {
    const plan = plans.of(name);
    let number = 0;
    conn.on('data', (message) => {
      counts.received++;
      if (message !== plans.message(plan, 'up', number)) {
        violation(name, `message ${number} is ${shortened(message)}`);
      }
      counts.sent++;
      conn.write(plans.message(plan, 'down', number++));
    });
    conn.on('close', () => sessions.delete(name));
    this.state = () => ({ number, readyState: conn.readyState });
  }
}

/** @param {object} conn */
function connected(conn) {
  counts.opened++;
  let closes = 0;
  conn.on('close', () => {
    if (++closes > 1) violation(conn.id, "'close' was emitted twice");
    counts.closed++;
  });
  const name = nameOf(conn);
  const kind = name[0];
  if (kind === 'r') sessions.set(name, new Resident(conn, name));
  // Sessions of invalid clients are not checked.
  if (kind !== 's') return;
  if (sessions.has(name)) violation(name, 'a second session with this name');
  const session = new Session(conn, name);
  sessions.set(name, session);
  session.work();
  if (session.plan.throwsAtOpen) throwPlanned();
}

/** @returns {string} the name in the path, or for raw websockets in the query */
function nameOf({ url }) {
  const [path, query = ''] = url.split('?');
  const [, , , name] = path.split('/');
  return name || query || 'none';
}

/** The application's own routes. */
function application(req, res) {
  counts.foreign++;
  if (req.method !== 'POST') return void res.end(`app ${req.url}`);
  const chunks = [];
  req.on('data', (chunk) => chunks.push(chunk));
  req.on('end', () => res.end(Buffer.concat(chunks)));
}

/** @param {import('node:http').Server} server */
function install(server) {
  for (const [prefix, more] of [
    ['/plain', {}],
    ['/marked', { high_water_mark: 64 * 1024 }],
  ]) {
    const service = sockjs.createServer({ ...OPTIONS, ...more, prefix });
    service.on('connection', connected);
    service.installHandlers(server);
  }
}

async function report() {
  await collect();
  const { heapUsed, external } = process.memoryUsage();
  const stall = Math.round(lag.max / 1e6);
  lag.reset();
  return { ...counts, alive: sessions.size, heapUsed, external, stall };
}

function main() {
  const serving = serveBothIngresses(application, install);
  answerParent({
    ports: async () => (await serving).ports,
    report,
    session: (name) => sessions.get(name)?.state() ?? null,
  });
  process.on('uncaughtException', (error) => caught(error.stack));
  // Ctrl-C reaches all processes of the terminal; the parent handles it.
  process.on('SIGINT', () => {});
  process.on('disconnect', () => process.exit());
  process.on('message', async ({ order }) => {
    if (order !== 'stop') return;
    process.removeAllListeners('disconnect');
    close((await serving).servers);
    // Only sessions and clients may keep the process alive now.
    process.disconnect();
    process.removeAllListeners('SIGINT');
  });
}

main();
