'use strict';

/**
 * @file The peers, and the cases with the bounds that they must meet.
 *
 * @typedef {object} Peer
 * @property {string} title
 * @property {string} [script] a file in `servers/`
 * @property {string} [floor] a mode of the Rust program `floor`, which is a lower bound
 * @property {string[]} [args] arguments of the server
 * @property {string} [websocket] the protocol that it uses where a case has `websocket`
 *
 * @typedef {object} Bound
 * @property {'cpu' | 'js' | 'rate' | 'p50' | 'bytes'} figure
 * @property {number} [atLeast] the least ratio to `than`; higher is better
 * @property {number} [atMost] the largest value of the figure itself
 * @property {string} [than] a peer; `sockjs` by default
 * @property {string} [peer] the peer that must meet it; `sockjs-rs` by default
 *
 * @typedef {object} Command
 * @property {[string, string]} [before] a command of the server and its answer, before the measurement
 * @property {[string, string]} measured
 * @property {Record<string, number>} [connections] by peer, where it is not the number of the load
 * @property {number} units the bytes are divided by this number, for each connection
 *
 * @typedef {object} Case
 * @property {string} name
 * @property {string[]} peers
 * @property {Record<string, string | number | boolean>} load arguments of the load generator
 * @property {string[]} [server] arguments of the servers
 * @property {number} [warmup] factor on the usual duration of the warm-up; with `warmup-messages` an upper bound
 * @property {boolean} [pinned] server on CPU 0, load on CPU 1; true by default
 * @property {number} [timesRounds] factor on the usual number of rounds
 * @property {number} [operations] what the server does at each message this many times; these are counted
 * @property {Command} [command] a command whose memory is measured
 * @property {Bound[]} bounds
 */

/** @type {Record<string, Peer>} */
const PEERS = {
  sockjs: { title: 'sockjs', script: 'sockjs.js' },
  'sockjs-rs': { title: 'sockjs-rs', script: 'sockjs-rs.js' },
  // The same peers once more, for the A/A rows.
  'sockjs-again': { title: 'sockjs again', script: 'sockjs.js' },
  'sockjs-rs-again': { title: 'sockjs-rs again', script: 'sockjs-rs.js' },
  'sockjs-rs-2': {
    title: 'sockjs-rs, 2 I/O threads',
    script: 'sockjs-rs.js',
    args: ['--io-threads', '2'],
  },
  'sockjs-rs-publish': {
    title: 'sockjs-rs, publish',
    script: 'sockjs-rs.js',
    args: ['--publish'],
  },
  ws: { title: 'ws', script: 'ws.js', websocket: 'raw-websocket' },
  'socket.io': { title: 'socket.io', script: 'socket.io.js', websocket: 'socket-io' },
  'node-http': { title: 'node http', script: 'node-http.js' },
  tungstenite: { title: 'tungstenite (Rust)', floor: 'tungstenite' },
  hyper: { title: 'hyper (Rust)', floor: 'hyper' },
};

const BOTH = ['sockjs', 'sockjs-rs'];
const ALL = [...BOTH, 'ws', 'socket.io', 'tungstenite'];
/** The bound "no worse": even medians of the same server differ by some per cent, in unpinned cases by more. */
const NO_WORSE = 0.95;
/** Factor on the warm-up of cases in which sockjs handles few messages a second. */
const FEW_A_SECOND = 3;
const MEBIBYTE = 1024 * 1024;
const NEVER_SLOWER = [{ figure: 'cpu', atLeast: 1 }];

/**
 * @param {number} ratio
 * @returns {Bound[]}
 */
function cpu(ratio) {
  return [{ figure: 'cpu', atLeast: ratio }];
}

/**
 * @param {string} protocol
 * @param {number} connections
 * @param {number} inFlight
 * @param {number} [size]
 */
function load(protocol, connections, inFlight, size = 32) {
  return { protocol, connections, 'in-flight': inFlight, size };
}

/**
 * The parameters and the warm-up of a case in which V8 needs long to optimise sockjs. Before that, sockjs takes several
 * times as much time as later, which must not count in favour of sockjs-rs.
 *
 * @param {Record<string, string | number | boolean>} parameters
 */
function slowToWarmUp(parameters) {
  // Over TLS the same number of messages takes twice as long.
  return { load: { ...parameters, 'warmup-messages': 40000 }, warmup: parameters.tls ? 8 : 4 };
}

const PUBLISH = 'sockjs-rs-publish';
const IN_ROOMS = [...BOTH, PUBLISH, 'ws', 'socket.io'];

/**
 * The load of 1,000 connections that get what some of them send.
 *
 * @param {number} size
 * @param {number} senders
 */
function fanOut(size, senders) {
  return { ...load('websocket', 1000, 1, size), scenario: 'fan-out', senders };
}

/**
 * The bounds of `publish` on CPU time. The larger the messages, the more of it is the kernel's copying, which is the same
 * for all peers.
 *
 * @param {number} toLoop the ratio to the loop of sockjs-rs
 * @param {number} toSocketIo the ratio to socket.io
 * @returns {Bound[]}
 */
function publishBounds(toLoop, toSocketIo) {
  return [
    { figure: 'js', atLeast: 20, peer: PUBLISH, than: 'sockjs-rs' },
    { figure: 'js', atLeast: 10, peer: PUBLISH, than: 'socket.io' },
    { figure: 'cpu', atLeast: toLoop, peer: PUBLISH, than: 'sockjs-rs' },
    { figure: 'cpu', atLeast: toSocketIo, peer: PUBLISH, than: 'socket.io' },
    ...cpu(3),
  ];
}

/** @type {Case[]} */
const CASES = [
  {
    name: 'websocket echo, 100 × 1, 32 B',
    peers: [...ALL, 'sockjs-again', 'sockjs-rs-again'],
    load: load('websocket', 100, 1),
    bounds: [...cpu(1.7), { figure: 'js', atLeast: 10 }],
  },
  {
    name: 'websocket echo, 100 × 16, 32 B',
    peers: [...ALL, 'sockjs-again', 'sockjs-rs-again'],
    load: load('websocket', 100, 16),
    bounds: cpu(12),
  },
  {
    name: 'websocket echo, 1 × 1, 32 B',
    peers: ALL,
    load: load('websocket', 1, 1),
    bounds: [
      { figure: 'rate', atLeast: 1 },
      { figure: 'p50', atLeast: 1 },
    ],
  },
  {
    name: 'websocket echo, 1 × 16, 32 B',
    peers: ALL,
    load: load('websocket', 1, 16),
    bounds: cpu(3),
  },
  {
    name: 'websocket echo, 100 × 16, 1 KiB',
    peers: ALL,
    load: load('websocket', 100, 16, 1024),
    bounds: cpu(15),
  },
  {
    name: 'websocket echo, 100 × 1, 1 KiB ASCII',
    peers: ALL,
    load: load('websocket', 100, 1, 1024),
    bounds: cpu(2.3),
  },
  {
    name: 'websocket echo, 100 × 1, 1 KiB JSON text',
    peers: [...BOTH, 'ws', 'socket.io'],
    load: { ...load('websocket', 100, 1, 1024), kind: 'json' },
    bounds: cpu(3),
  },
  {
    name: 'websocket echo, 100 × 1, 1 KiB multi-byte',
    peers: [...BOTH, 'ws', 'socket.io'],
    load: { ...load('websocket', 100, 1, 1024), kind: 'multibyte' },
    bounds: cpu(3),
  },
  {
    name: 'websocket echo, 10 × 1, 64 KiB',
    peers: ALL,
    load: load('websocket', 10, 1, 65536),
    warmup: FEW_A_SECOND,
    bounds: cpu(8),
  },
  {
    name: 'raw websocket echo, 100 × 1, 32 B',
    peers: [...BOTH, 'ws', 'tungstenite'],
    load: load('raw-websocket', 100, 1),
    bounds: [{ figure: 'cpu', atLeast: 1.3, than: 'ws' }, ...NEVER_SLOWER],
  },
  {
    name: 'raw websocket echo, 100 × 16, 32 B',
    peers: [...BOTH, 'ws', 'tungstenite'],
    load: load('raw-websocket', 100, 16),
    bounds: [{ figure: 'cpu', atLeast: 8, than: 'ws' }, ...NEVER_SLOWER],
  },
  {
    name: 'xhr-polling, 100 sessions',
    peers: [...BOTH, 'hyper'],
    ...slowToWarmUp(load('xhr-polling', 100, 1)),
    bounds: cpu(2.4),
  },
  {
    name: 'xhr-streaming, 100 × 1',
    peers: BOTH,
    ...slowToWarmUp(load('xhr-streaming', 100, 1)),
    bounds: cpu(2),
  },
  {
    name: 'xhr-streaming, 100 × 16',
    peers: BOTH,
    ...slowToWarmUp(load('xhr-streaming', 100, 16)),
    bounds: cpu(2),
  },
  {
    name: 'eventsource, 100 × 1',
    peers: BOTH,
    ...slowToWarmUp(load('eventsource', 100, 1)),
    bounds: cpu(2),
  },
  {
    name: 'fan-out, 10 senders to 1000 connections',
    peers: [...BOTH, 'ws', 'socket.io'],
    load: fanOut(32, 10),
    server: ['--fan-out'],
    warmup: FEW_A_SECOND,
    bounds: cpu(3),
  },
  ...[
    ['64 B', 64, publishBounds(1.25, 10)],
    ['1 KiB', 1024, publishBounds(1.25, 5)],
    ['16 KiB', 16384, publishBounds(2, 3)],
  ].map(([title, size, bounds]) => ({
    name: `publish to a room of 1,000 websockets, ${title}`,
    peers: IN_ROOMS,
    load: fanOut(size, 10),
    server: ['--rooms', '1'],
    bounds,
  })),
  {
    name: 'publish to 100 of 1,000 rooms of 10 websockets, 64 B',
    peers: IN_ROOMS,
    // No connection is in two of the 100 rooms, so that the same is sent and delivered as in one room of 1,000.
    load: fanOut(64, 10),
    server: ['--rooms', '1000', '--joined', '10', '--published', '100'],
    bounds: [{ figure: 'cpu', atLeast: 1, peer: PUBLISH, than: 'sockjs-rs' }, ...cpu(3)],
  },
  {
    name: 'publish to one of 1,000 rooms of 10 websockets, 64 B',
    peers: IN_ROOMS,
    load: { ...fanOut(64, 1000), members: 10 },
    server: ['--rooms', '1000', '--joined', '10'],
    bounds: [{ figure: 'cpu', atLeast: 1, peer: PUBLISH, than: 'sockjs-rs' }, ...cpu(3)],
  },
  {
    name: 'join and leave a room',
    peers: [PUBLISH, 'socket.io'],
    load: load('websocket', 100, 1),
    server: ['--join-and-leave'],
    // ROOMS_AT_ONCE × TURNS in servers/rooms.js.
    operations: 1000,
    // Unlike that of socket.io, it calls Rust.
    bounds: [{ figure: 'cpu', atLeast: 0.5, peer: PUBLISH, than: 'socket.io' }],
  },
  ...[
    ['the same 100 rooms', 'same', [{ figure: 'bytes', atMost: 100, peer: PUBLISH }]],
    ['100 rooms each of its own', 'own', []],
  ].map(([title, whose, bounds]) => ({
    name: `memory of a membership, 1,000 connections in ${title}`,
    peers: [PUBLISH, 'socket.io'],
    load: { ...load('websocket', 1000, 1), scenario: 'idle' },
    server: ['--by-command'],
    command: { measured: [`join 100 ${whose}`, 'joined'], units: 100 },
    bounds: [...bounds, { figure: 'bytes', atLeast: 1, peer: PUBLISH, than: 'socket.io' }],
  })),
  {
    name: 'memory of a message of 1 MiB for each member that does not read',
    peers: ['sockjs-rs', PUBLISH],
    load: { ...load('websocket', 1000, 1), scenario: 'stalled' },
    server: ['--by-command'],
    command: {
      before: ['stall', 'stalled'],
      measured: [`publish ${MEBIBYTE}`, 'published'],
      // The loop needs a mebibyte for each of them.
      connections: { 'sockjs-rs': 50 },
      units: 1,
    },
    // Less than 20 MiB for the 1,000 members.
    bounds: [{ figure: 'bytes', atMost: Math.floor((20 * MEBIBYTE) / 1000), peer: PUBLISH }],
  },
  {
    name: 'connect, handshake, one echo, close',
    peers: ALL,
    ...slowToWarmUp({ ...load('websocket', 16, 1), scenario: 'churn' }),
    bounds: cpu(1.3),
  },
  {
    name: 'GET /info, 50 connections',
    peers: [...BOTH, 'node-http', 'hyper'],
    load: load('info', 50, 1),
    warmup: FEW_A_SECOND,
    bounds: cpu(2.5),
  },
  {
    name: 'idle websocket, 5000 connections',
    peers: [...BOTH, 'ws', 'socket.io'],
    load: { ...load('websocket', 5000, 1), scenario: 'idle' },
    bounds: [
      { figure: 'bytes', atMost: 9000 },
      { figure: 'bytes', atLeast: 1 },
    ],
  },
  {
    name: 'https, websocket echo, 100 × 1',
    peers: [...BOTH, 'ws'],
    load: { ...load('websocket', 100, 1), tls: true },
    server: ['--tls'],
    bounds: NEVER_SLOWER,
  },
  {
    name: 'https, xhr-polling, 100 sessions',
    peers: BOTH,
    ...slowToWarmUp({ ...load('xhr-polling', 100, 1), tls: true }),
    server: ['--tls'],
    bounds: NEVER_SLOWER,
  },
  ...[
    ['websocket echo, 100 × 1, 32 B', { load: load('websocket', 100, 1) }],
    ['websocket echo, 100 × 16, 32 B', { load: load('websocket', 100, 16) }],
    ['websocket echo, 1 × 1, 32 B', { load: load('websocket', 1, 1) }],
    ['xhr-polling, 100 sessions', slowToWarmUp(load('xhr-polling', 100, 1))],
  ].map(([name, parameters]) => ({
    name: `unpinned, ${name}`,
    peers: [...BOTH, 'sockjs-rs-2'],
    ...parameters,
    pinned: false,
    timesRounds: 2,
    bounds: [
      ...NEVER_SLOWER,
      { figure: 'rate', atLeast: 1 },
      { figure: 'rate', atLeast: NO_WORSE, than: 'sockjs-rs', peer: 'sockjs-rs-2' },
    ],
  })),
  ...[10, 100, 1000, 5000].map((connections) => ({
    name: `8000 messages a second over ${connections} connections`,
    peers: BOTH,
    load: { ...load('websocket', connections, 4), rate: 8000 },
    warmup: FEW_A_SECOND,
    bounds: NEVER_SLOWER,
  })),
  ...[1, 4, 16].map((mebibytes) => ({
    name: `one xhr_send of ${mebibytes} MiB and its echo`,
    peers: BOTH,
    load: {
      ...load('xhr-polling', 1, 1, mebibytes * MEBIBYTE),
      // A fixed number of messages instead of a time, because sockjs takes seconds for the largest.
      messages: 64 / mebibytes,
      seconds: 60,
      'warmup-messages': 2,
      'warmup-seconds': 60,
      'stall-seconds': 60,
    },
    bounds: NEVER_SLOWER,
  })),
];

/**
 * Costs that must grow in proportion: between the cases of a group, the CPU time of a peer, which is sockjs-rs by
 * default, for one unit differs by no more than the factor `atMost`. In the second group, quadratic cost would be a
 * factor of 16, and the caches alone cause a factor of 2. Cases that only repeat one measurement are not in the chart.
 */
const GROWTH = [
  {
    name: 'same rate over 10 to 5000 connections: growth of CPU per message',
    cases: /^8000 messages a second/,
    repeat: true,
    unit: () => 1,
    atMost: 1.25,
  },
  {
    name: 'xhr_send of 1 to 16 MiB: growth of CPU per byte',
    cases: /^one xhr_send/,
    repeat: true,
    unit: (parameters) => parameters.size,
    atMost: 2,
  },
  {
    name: 'publish to one room of 1,000 and to 100 rooms of 10: growth of CPU per delivery',
    cases: /^publish to (a room of 1,000|100 of 1,000 rooms of 10) websockets, 64 B$/,
    peer: PUBLISH,
    unit: () => 1,
    atMost: 1.5,
  },
];

module.exports = { CASES, GROWTH, PEERS };
