'use strict';

/* global SockJS */

// The demo's page: two connections to the server (echo and chat), over the transport that the user has chosen.

/** The number of round-trip times from which the figures are computed. */
const KEPT = 500;

/** Messages a second, by the position of the rate control. */
const RATES = [0, 1, 2, 5, 10, 20, 50, 100];

/** With more unanswered messages than this, no more are sent at the chosen rate. */
const MAX_WAITING = 200;

/** Milliseconds without an answer after which the page says so. */
const STALL = 8000;

const $ = (id) => document.getElementById(id);

// ---------------------------------------------------------------------------------------------
// Connections

/**
 * @typedef {object} Link a SockJS or WebSocket object
 * @property {(text: string) => void} send
 * @property {() => void} close
 */

/** The server that the page talks to: its own, or `?server=http://…`. */
let base = (new URLSearchParams(location.search).get('server') || location.origin).replace(
  /\/+$/,
  '',
);

/** @returns {string} the chosen transport: `automatic`, `websocket-raw` or a name of sockjs-client */
function chosenTransport() {
  return document.querySelector('input[name="transport"]:checked').value;
}

/**
 * @param {string} service `echo` or `chat`
 * @returns {Link}
 * @throws {Error} if the address of the server is not valid
 */
function open(service) {
  if (!/^https?:\/\/[^/]/.test(base)) throw new Error('A server address begins with http://.');
  const transport = chosenTransport();
  const url = `${base}/${service}`;
  if (transport === 'websocket-raw') {
    return new WebSocket(`${url.replace(/^http/, 'ws')}/websocket`);
  }
  // By default sockjs-client gives a transport about 300 ms for a round trip, which is too little on a busy computer.
  const options = { timeout: 5000 };
  if (transport !== 'automatic') options.transports = transport;
  return new SockJS(url, null, options);
}

/**
 * Closes a connection, and ignores its later events.
 *
 * @param {Link | null} link
 */
function drop(link) {
  if (!link) return;
  link.onopen = link.onmessage = link.onclose = link.onerror = null;
  link.close();
}

// ---------------------------------------------------------------------------------------------
// State: the page shows the state of the echo connection

/** @type {Link | null} */
let echo = null;
/** @type {Link | null} */
let chat = null;
/** When the echo connection was opened (ms); 0 while it is not open. */
let openedAt = 0;

/**
 * @param {'connecting' | 'open' | 'closed' | 'off'} state `off`: the user has closed the connection
 * @param {string} title
 * @param {string} detail
 * @param {string} [short] a shorter title, for the bar at the top
 */
function showState(state, title, detail, short = title) {
  document.body.dataset.state = state;
  setText('state', title);
  setText('detail', detail);
  setText('pill', short);
  $('disconnect').disabled = state === 'closed' || state === 'off';
  $('burst').disabled = state !== 'open';
  $('echo-form').querySelector('button').disabled = state !== 'open';
}

/**
 * Sets the text of an element only if it differs, because screen readers would read the same text again.
 *
 * @param {string} id
 * @param {string} text
 */
function setText(id, text) {
  const element = $(id);
  if (element.textContent !== text) element.textContent = text;
}

function connect() {
  drop(echo);
  drop(chat);
  echo = chat = null;
  openedAt = 0;
  waiting.length = 0;
  resetTimes();
  setText('actual', '–');
  setText('duration', '–');
  setText('closed', '–');
  chatClosed('Connecting…');
  showState(
    'connecting',
    'Connecting…',
    `Trying ${titleOf(chosenTransport())} to ${base}`,
    'Connecting',
  );

  try {
    if (typeof SockJS === 'undefined') throw new Error('The SockJS client did not load.');
    echo = open('echo');
  } catch (error) {
    showState('closed', 'Cannot connect', sentence(error));
    chatClosed('Not connected');
    return;
  }
  echo.onopen = () => {
    openedAt = performance.now();
    setText('actual', echo.transport || 'raw websocket');
    setText('duration', '0:00');
    const server = base === location.origin ? 'the server of this page' : `${base}, another origin`;
    showState('open', 'Connected', `Connected to ${server}.`, echo.transport || 'raw websocket');
    openChat();
  };
  echo.onmessage = (event) => onEcho(event.data);
  echo.onclose = (event) => {
    const wasOpen = openedAt > 0;
    openedAt = 0;
    echo = null;
    waiting.length = 0;
    drop(chat);
    chat = null;
    chatClosed('Not connected');
    setText('closed', `${event.code} ${event.reason}`);
    const [title, detail] = explain(event, wasOpen);
    showState('closed', title, detail);
  };
}

/** Closes the connections when the user asks for it. */
function disconnect() {
  drop(echo);
  drop(chat);
  echo = chat = null;
  openedAt = 0;
  waiting.length = 0;
  chatClosed('Not connected');
  setText('closed', '1000 Normal closure');
  showState('off', 'Closed', 'You closed the connection. Reconnect when you like.');
}

/**
 * @param {{code: number}} event the close event
 * @param {boolean} wasOpen
 * @returns {[string, string]} a title, and a sentence that explains it
 */
function explain({ code }, wasOpen) {
  const transport = chosenTransport();
  if (wasOpen) {
    if (code === 1006) {
      return [
        'Connection lost',
        'The server stopped or the network went away. Reconnect when it is back.',
      ];
    }
    return ['Closed by the server', 'The server ended this session. You can start another one.'];
  }
  if (code === 2000 && transport === 'htmlfile' && base !== location.origin) {
    return [
      'Transport not available',
      'htmlfile works only with the server of this page. Try iframe-htmlfile for another one.',
    ];
  }
  if (code === 2000 && transport === 'automatic') {
    return ['Cannot connect', 'The server answers, but no transport can connect to it.'];
  }
  if (code === 2000 || code === 2007) {
    return [
      'Transport not available',
      `This browser, the server or a proxy between them does not support ${transport}.`,
    ];
  }
  if (transport === 'websocket-raw') {
    return ['Cannot connect', `Nothing answered at ${base}, or it refuses websockets.`];
  }
  return ['Server unreachable', `Nothing answered at ${base}. Is the server running?`];
}

/**
 * @param {Error} error
 * @returns {string} its message as a sentence
 */
function sentence(error) {
  const text = error.message.replace(/^\w+Error: /, '');
  return /[.!?]$/.test(text) ? text : `${text}.`;
}

/** @param {string} transport */
function titleOf(transport) {
  return (
    { automatic: 'the best transport', 'websocket-raw': 'a raw websocket' }[transport] || transport
  );
}

/** Shows the duration of the session, and whether the server does not answer; called once a second. */
function tick() {
  if (!openedAt) return;
  const seconds = Math.floor((performance.now() - openedAt) / 1000);
  const two = (number) => String(number).padStart(2, '0');
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  setText('duration', h ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`);

  const silence = waiting.length ? performance.now() - waiting[0].at : 0;
  if (silence > STALL) {
    const hint = 'It may have stopped, or this browser has too many connections to it.';
    showState('connecting', 'No answer', `The server does not answer. ${hint}`);
  } else if (document.body.dataset.state === 'connecting') {
    showState('open', 'Connected', 'The server answers again.', echo.transport || 'raw websocket');
  }
}

// ---------------------------------------------------------------------------------------------
// Echo

/** The messages without an answer, the oldest first. The server answers in order. */
const waiting = [];
/** Round-trip times (ms), the newest last. */
const times = [];
let echoed = 0;
let nextNumber = 0;

/**
 * @param {string} text
 * @param {string} [typed] the text, if the user has typed it: the page then says when it is back
 */
function send(text, typed) {
  waiting.push({ text, typed, at: performance.now() });
  echo.send(text);
}

/** Sends one numbered message of the chosen size. */
function sendSample() {
  const text = `${nextNumber++} `;
  send(text.padEnd(Number($('size').value), '0123456789abcdef'));
}

/** @param {string} text an echo */
function onEcho(text) {
  const sent = waiting.shift();
  if (!sent || sent.text !== text) {
    setText('echo-answer', 'An echo came back changed or out of order. That is a bug.');
    return;
  }
  const time = performance.now() - sent.at;
  times.push(time);
  if (times.length > KEPT) times.shift();
  echoed += 1;
  stale = true;
  if (sent.typed) setText('echo-answer', `“${sent.typed}” was back after ${ms(time)}.`);
}

function resetTimes() {
  times.length = 0;
  echoed = 0;
  stale = true;
}

/**
 * Sends messages at the chosen rate, in steps of 50 ms or more.
 *
 * @param {number} [owed] messages that are due since the last step; may be a fraction
 * @param {number} [since] time of the last step
 */
function sendAtRate(owed = 0, since = performance.now()) {
  const now = performance.now();
  const rate = RATES[Number($('rate').value)];
  let due = Math.min(owed + (rate * (now - since)) / 1000, Math.max(1, rate / 4));
  if (!openedAt || rate === 0) due = 0;
  for (; due >= 1; due -= 1) {
    if (waiting.length < MAX_WAITING) sendSample();
  }
  setTimeout(sendAtRate, 50, due, now);
}

function showRate() {
  const rate = RATES[Number($('rate').value)];
  const text = rate ? `${rate} per second` : 'paused';
  $('rate-text').textContent = text;
  $('rate').setAttribute('aria-valuetext', text);
}

/**
 * @param {number} time in milliseconds
 * @returns {string} rounded, with the unit
 */
function ms(time) {
  return `${digits(time)} ms`;
}

/** @param {number} time */
function digits(time) {
  if (time >= 100) return Math.round(time).toLocaleString('en');
  return time.toFixed(time >= 10 ? 1 : 2);
}

// ---------------------------------------------------------------------------------------------
// Figures and graph: drawn again only if something has changed, at most once a frame

let stale = true;

function draw() {
  requestAnimationFrame(draw);
  if (!stale) return;
  stale = false;

  const sorted = [...times].sort((a, b) => a - b);
  const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
  showTime('median', at(0.5));
  showTime('minimum', sorted[0]);
  showTime('p99', at(0.99));
  $('echoed').textContent = echoed.toLocaleString('en');
  drawGraph(at(0.5));
}

/**
 * @param {string} id
 * @param {number | undefined} time
 */
function showTime(id, time) {
  const element = $(id);
  element.textContent = time === undefined ? '–' : digits(time);
  if (time === undefined) return;
  const unit = document.createElement('small');
  unit.textContent = 'ms';
  element.append(unit);
}

/** @param {number | undefined} median */
function drawGraph(median) {
  const canvas = $('graph');
  const { clientWidth: width, clientHeight: height } = canvas;
  const ratio = window.devicePixelRatio || 1;
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
  }
  const pen = canvas.getContext('2d');
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, width, height);

  const style = getComputedStyle(document.body);
  const colour = (name) => style.getPropertyValue(name).trim();
  const left = 12;
  const right = width - 52; // the figures of the scale are to the right of it
  const top = 16;
  const floor = height - 14;
  const step = 5;
  const room = Math.floor((right - left) / step);
  const shown = times.slice(-room);
  const scale = ceiling(Math.max(0.5, ...shown));
  const y = (time) => floor - (time / scale) * (floor - top);

  pen.font = `12px ${style.fontFamily}`;
  pen.textBaseline = 'middle';
  pen.lineWidth = 1;
  for (const share of [0, 0.5, 1]) {
    const line = Math.round(y(scale * share)) + 0.5;
    pen.strokeStyle = colour('--line');
    pen.beginPath();
    pen.moveTo(left, line);
    pen.lineTo(right, line);
    pen.stroke();
    pen.fillStyle = colour('--muted');
    pen.fillText(share ? `${Number((scale * share).toPrecision(3))} ms` : '0', right + 8, line);
  }

  pen.fillStyle = colour('--accent');
  shown.forEach((time, index) => {
    const x = right - (shown.length - index) * step;
    const bar = Math.max(2, floor - y(time));
    pen.globalAlpha = index === shown.length - 1 ? 1 : 0.62;
    pen.beginPath();
    pen.roundRect(x, floor - bar, step - 1.5, bar, [1.5, 1.5, 0, 0]);
    pen.fill();
  });
  pen.globalAlpha = 1;

  if (median !== undefined && shown.length) {
    const line = Math.round(y(Math.min(median, scale))) + 0.5;
    pen.strokeStyle = colour('--ink');
    pen.setLineDash([3, 3]);
    pen.beginPath();
    pen.moveTo(left, line);
    pen.lineTo(right, line);
    pen.stroke();
    pen.setLineDash([]);
  } else {
    pen.fillStyle = colour('--muted');
    pen.textAlign = 'center';
    pen.fillText('The graph begins with the first echo', (left + right) / 2, y(scale * 0.75));
    pen.textAlign = 'start';
  }
}

/**
 * @param {number} time
 * @returns {number} the next of 1, 2, 4 or 10 times a power of ten
 */
function ceiling(time) {
  const power = 10 ** Math.floor(Math.log10(time));
  return power * [1, 2, 4, 10].find((factor) => time <= power * factor);
}

// ---------------------------------------------------------------------------------------------
// Chat

/** The id of this page's connection to the chat; empty until the server has sent it. */
let ownId = '';

/**
 * How many people are in each room, as the server last said.
 *
 * @type {Record<string, number>}
 */
let counts = {};

/**
 * The lines of each room that this page has been in, the newest last.
 *
 * @type {Record<string, HTMLLIElement[]>}
 */
const lines = {};

/** @returns {string} the room that the user has chosen */
function chosenRoom() {
  return document.querySelector('input[name="room"]:checked').value;
}

function openChat() {
  chat = open('chat');
  ownId = '';
  chat.onopen = () => chat.send(JSON.stringify({ name: $('name').value, room: chosenRoom() }));
  chat.onmessage = (event) => onChatEvent(JSON.parse(event.data));
  chat.onclose = ({ code, reason }) => {
    chat = null;
    chatClosed('Connection lost');
    note(
      chosenRoom(),
      `The chat's connection ended (code ${code}${reason ? `, ${reason}` : ''}). Reconnect to talk.`,
    );
  };
}

/** @param {string} reason */
function chatClosed(reason) {
  $('say').disabled = true;
  counts = {};
  showCounts();
  setText('people', reason);
}

/**
 * @param {object} event
 * @param {string} event.type `counts`, or what somebody has done in a room in which this page is
 * @param {Record<string, number>} [event.counts]
 * @param {string} [event.room]
 * @param {string} [event.id] of the connection of that person
 * @param {string} [event.name] of that person
 * @param {string} [event.before] the previous name
 * @param {string} [event.text]
 */
function onChatEvent({ type, room, id, name, before, text, ...event }) {
  if (type === 'counts') {
    counts = event.counts;
    showCounts();
  } else if (type === 'join' && (!ownId || id === ownId)) {
    ownId = id; // the first of these events is that this page has joined
    $('say').disabled = false;
    note(room, `You are in the ${room} as ${name}.`);
  } else if (type === 'join') note(room, `${name} came in.`);
  else if (type === 'leave') note(room, `${name} left.`);
  else if (type === 'rename') note(room, `${before} is now ${name}.`);
  else if (type === 'say') say(room, name, text, id === ownId);
}

/** Shows how many people are in each room, and in the one that the user has chosen. */
function showCounts() {
  for (const input of document.querySelectorAll('input[name="room"]')) {
    setText(`in-${input.value}`, String(counts[input.value] ?? '–'));
  }
  const people = counts[chosenRoom()];
  if (!people) return; // this page is about to enter it
  setText('people', people === 1 ? 'You are alone here' : `${people} people here`);
  showChatHint(people);
}

/** @param {number} people */
function showChatHint(people) {
  const websocket = /^(websocket|raw websocket)$/.test($('actual').textContent);
  let hint = 'Open this page in a second tab and talk to yourself.';
  if (people > 1) hint = 'Everybody in this room sees your messages, and nobody else does.';
  if (people > 2 && !websocket) {
    hint =
      'A browser opens six HTTP connections to a server: from three tabs on, prefer websocket.';
  }
  setText('chat-hint', hint);
}

/**
 * @param {string} room
 * @param {string} text
 */
function note(room, text) {
  const item = document.createElement('li');
  item.className = 'note';
  item.textContent = text;
  append(room, item);
}

/**
 * @param {string} room
 * @param {string} name
 * @param {string} text
 * @param {boolean} mine
 */
function say(room, name, text, mine) {
  const item = document.createElement('li');
  item.className = mine ? 'said mine' : 'said';
  const author = document.createElement('b');
  author.textContent = mine ? `${name} (you)` : name;
  item.append(author, text);
  append(room, item);
}

/**
 * @param {string} room
 * @param {HTMLLIElement} item
 */
function append(room, item) {
  const kept = (lines[room] ??= []);
  kept.push(item);
  if (kept.length > 200) kept.shift().remove();
  if (room !== chosenRoom()) return;
  const log = $('chat-log');
  log.append(item);
  log.scrollTop = log.scrollHeight;
}

/** Enters the room that the user has chosen. */
function changeRoom() {
  const log = $('chat-log');
  log.replaceChildren(...(lines[chosenRoom()] ?? []));
  log.scrollTop = log.scrollHeight;
  showCounts();
  if (chat?.readyState === WebSocket.OPEN) chat.send(JSON.stringify({ room: chosenRoom() }));
}

/** Shows the name that this tab had before it was loaded again, or a random one. */
function rememberName() {
  const animals = ['Otter', 'Heron', 'Badger', 'Lynx', 'Marten', 'Wren', 'Newt', 'Hare'];
  const pick = animals[Math.floor(Math.random() * animals.length)];
  $('name').value =
    sessionStorage.getItem('name') || `${pick} ${Math.floor(10 + Math.random() * 90)}`;
}

// ---------------------------------------------------------------------------------------------
// Controls

$('transports').addEventListener('change', connect);
$('reconnect').addEventListener('click', connect);
$('disconnect').addEventListener('click', disconnect);

$('server').value = base;
$('server').placeholder = location.origin;
$('advanced').open = base !== location.origin;
$('server-form').addEventListener('submit', (event) => {
  event.preventDefault();
  base = $('server').value.trim().replace(/\/+$/, '') || location.origin;
  $('server').value = base;
  const query = base === location.origin ? '' : `?server=${encodeURIComponent(base)}`;
  history.replaceState(null, '', location.pathname + query);
  connect();
});

$('rate').addEventListener('input', showRate);
$('burst').addEventListener('click', () => {
  for (let i = 0; i < 100; i++) sendSample();
});
$('echo-form').addEventListener('submit', (event) => {
  event.preventDefault();
  const typed = $('echo-text').value;
  if (!typed || !openedAt) return;
  send(typed, typed);
  $('echo-text').value = '';
});

$('name').addEventListener('change', () => {
  $('name').value = $('name').value.trim();
  if (!$('name').value) rememberName();
  sessionStorage.setItem('name', $('name').value);
  if (chat && ownId) chat.send(JSON.stringify({ name: $('name').value }));
});
$('rooms').addEventListener('change', changeRoom);
$('chat-form').addEventListener('submit', (event) => {
  event.preventDefault();
  const text = $('chat-text').value.trim();
  if (!text || !ownId || !chat) return;
  chat.send(JSON.stringify({ say: text }));
  $('chat-text').value = '';
});

const redraw = () => {
  stale = true;
};
new ResizeObserver(redraw).observe($('graph'));
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', redraw);

rememberName();
sessionStorage.setItem('name', $('name').value);
showRate();
setInterval(tick, 1000);
sendAtRate();
draw();
connect();
