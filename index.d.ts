// Types of sockjs-rs, written by hand. Code that compiles against `@types/sockjs` compiles against them,
// unless it
// - assigns `address`;
// - calls the `log` of its options with a severity of its own, or gives that `log` to what calls it with
//   any string;
// - takes `log` for a function because the options are `Required<ServerOptions>`: it may be null;
// - gives a `jsessionid` that is neither a boolean nor a function, such as a string;
// - makes a whole `Server` or `Connection` by itself.

/// <reference types="node" />

import http = require('http');
import https = require('https');
import net = require('net');
import stream = require('stream');

export = sockjs;

declare namespace sockjs {
  /**
   * Makes a SockJS service. It answers nothing before {@link Server.installHandlers} or one of its
   * relatives is called.
   *
   * @throws {TypeError} `ERR_SOCKJS_INVALID_OPTION`: a value that cannot work
   * @throws {RangeError} `ERR_SOCKJS_OPTION_RANGE`: a number that cannot work
   */
  function createServer(options?: ServerOptions | null): Server;

  /**
   * `createServer(options)`, and `installHandlers(httpServer)` if there is an http server.
   *
   * @throws what these two throw
   */
  function listen(httpServer?: HttpServer | null, options?: ServerOptions | null): Server;

  /**
   * `new sockjs.Server(options)`: a service with the interface as first published (0.0.x to 0.2) beside
   * that of today. Services of {@link createServer} are no instances of it.
   */
  const Server: { new (options?: ServerOptions | null): FirstServer };

  /** A server to install a service on. */
  type HttpServer = http.Server | https.Server;

  /** The ways in which a client can be connected, as `conn.protocol` names them. */
  type Transport =
    | 'eventsource'
    | 'htmlfile'
    | 'jsonp-polling'
    | 'websocket'
    | 'websocket-raw'
    | 'xhr-polling'
    | 'xhr-streaming';

  /** How much a line of the log matters. */
  type Severity = 'debug' | 'info' | 'error';

  /** `code` of the errors that this package throws. Messages may change, codes do not. */
  type ErrorCode =
    /** `TypeError`: the value of an option cannot work. */
    | 'ERR_SOCKJS_INVALID_OPTION'
    /** `RangeError`: an option is a number that cannot work. */
    | 'ERR_SOCKJS_OPTION_RANGE'
    /** `TypeError`: the argument of a method is not what it works on. */
    | 'ERR_SOCKJS_INVALID_ARGUMENT'
    /** `Error`: no native binary loads on this machine; `require` throws it, and says what to do. */
    | 'ERR_SOCKJS_NO_BINARY'
    /** `Error`: no thread or descriptor is left for an I/O thread. */
    | 'ERR_SOCKJS_NO_RESOURCES';

  /**
   * Options of a service; those given to `installHandlers`, `listener` or `middleware` are laid over
   * those given to `createServer`. Unknown names are ignored.
   *
   * Leave out what you do not want to set: as in 0.3.24, a name that is there with the value
   * `undefined` overrides the default, and most options then throw.
   */
  interface ServerOptions {
    /**
     * Where the service lives: the source of a regular expression (without flags) for the beginning of
     * the path, such as `/echo`. From 0.3.24.
     *
     * @default ''
     */
    prefix?: string | undefined;

    /**
     * UTF-16 units after which a streaming response (xhr-streaming, eventsource, htmlfile) ends, so that
     * the client comes again and browsers can free its memory. 0 is no limit. From 0.3.24.
     *
     * @default 131072
     */
    response_limit?: number | undefined;

    /**
     * Whether websockets, SockJS ones and raw ones, are served. From 0.3.24.
     *
     * @default true
     */
    websocket?: boolean | undefined;

    /**
     * Options that 0.3.24 hands to faye-websocket. What has no effect here is said once to `log`.
     *
     * @default null
     */
    faye_server_options?: FayeServerOptions | null | undefined;

    /**
     * Whether responses set the cookie `JSESSIONID`, by which load balancers keep a session on one
     * machine: the client's own value, or `dummy`. A function is called with the request, whose
     * `cookies` are then parsed, and sets what it likes; requests are then served by Node. From 0.3.24.
     *
     * @default false
     */
    jsessionid?: boolean | JsessionidFunction | null | undefined;

    /**
     * Milliseconds between two heartbeats, at least 1. Traffic does not postpone them. From 0.3.24.
     *
     * @default 25000
     */
    heartbeat_delay?: number | undefined;

    /**
     * Milliseconds, at least 1, that a session of an HTTP transport lives without a receiving request.
     * From 0.3.24.
     *
     * @default 5000
     */
    disconnect_delay?: number | undefined;

    /**
     * Leaves out the CORS headers, and `origins` in `/info`. Eventsource has its header all the same.
     * From 0.3.24.
     *
     * @default false
     */
    disable_cors?: boolean | undefined;

    /**
     * What `/info` says as `base_url`: where the client is to connect. A function is called for each
     * `GET /info`, which is then served by Node. Left out of `/info` when it is not set. From 0.3.24.
     */
    base_url?: string | (() => unknown) | null | undefined;

    /**
     * Gets a line for each request and each event worth knowing. The default prints it with
     * `console.log`. `null`, which is new, makes no lines at all. From 0.3.24.
     */
    log?: LogFunction | null;

    /**
     * Where the page for iframe transports loads sockjs-client from: use the version that your pages
     * use. From 0.3.24.
     *
     * @default 'https://cdn.jsdelivr.net/npm/sockjs-client@1/dist/sockjs.min.js'
     */
    sockjs_url?: string | undefined;

    /**
     * The transports that are served, `/info` then lists them; all, if left out. An unknown name throws.
     * From sockjs 0.4, which was not published.
     */
    transports?: readonly Transport[] | null | undefined;

    /**
     * Transports that are not served. Unknown names disable nothing. From 0.0.x to 0.2.
     *
     * @default []
     */
    disabled_transports?: readonly string[] | null | undefined;

    /**
     * Bytes of one incoming message or request body, at least 1. Beyond it a request gets 413 and a
     * websocket is closed with 1009; for websockets `faye_server_options.maxLength` goes before it. New.
     *
     * @default 67108863
     */
    max_message_size?: number | undefined;

    /**
     * Bytes, at least 1, that may wait for one client. Beyond it the session is closed with
     * `c[3001,"Client too slow"]` (a raw websocket with 1008), and one `error` line is logged. New.
     *
     * @default 67108864
     */
    max_buffered?: number | undefined;

    /**
     * Bytes waiting for one client above which `write()` answers false and `'drain'` follows, as with
     * Node's streams. Without it `write()` answers true as long as the connection is open. New.
     */
    high_water_mark?: number | null | undefined;

    /**
     * Whether `write()` of a Buffer, typed array or DataView sends a binary frame on raw websockets,
     * rather than its text. New.
     *
     * @default false
     */
    binary?: boolean | undefined;

    /**
     * Threads that do the network work of this Node environment, from 1 to 64. The first service that is
     * installed decides. Websockets are served by fewer of them than the process has processors, but by one
     * at least. New.
     *
     * @default 1
     */
    io_threads?: number | undefined;

    /**
     * Milliseconds, at least 1, that a SockJS websocket may take to answer a heartbeat's ping before it is
     * closed with `c[3000,"No response from heartbeat"]`. New; 0.3.24 has the default built in.
     *
     * @default 10000
     */
    pong_timeout?: number | undefined;
  }

  /** Called with how much a line matters, and the line. */
  // Taken from a method, as the next one is: `@types/sockjs` has a method here.
  type LogFunction = { call(severity: Severity, line: string): void }['call'];

  /** Called with a request and the response to it. */
  // Taken from a method, so that functions with parameters of derived types are accepted.
  type JsessionidFunction = {
    call(request: RequestWithCookies, response: http.ServerResponse): unknown;
  }['call'];

  /** A request whose `Cookie` header has been parsed. */
  interface RequestWithCookies extends http.IncomingMessage {
    /**
     * Values by name, always there; a value ends at a second `=`. Optional and `any` so that functions
     * which declare another type of request are accepted.
     */
    cookies?: any;
  }

  /** What of faye-websocket's options is honoured. */
  interface FayeServerOptions {
    /** Bytes of one websocket message, above 0; 0 is the default. @default max_message_size */
    maxLength?: number | undefined;
    /**
     * Seconds between pings of its own, above 0; 0 is none. Beside the heartbeats, and on raw websockets too.
     *
     * @default none
     */
    ping?: number | undefined;
    /** Headers that the handshake's answer begins with. */
    headers?: Record<string, unknown> | undefined;
    /** Not available yet: each is said to `log`, and websockets are not compressed. */
    extensions?: unknown;
    /** Without effect, and said to `log`. */
    [name: string]: unknown;
  }

  /** A SockJS service. */
  interface Server extends NodeJS.EventEmitter {
    /** The options it was made with, complete with the defaults. */
    options: ServerOptions;

    /**
     * Answers the requests and websockets under the prefix on an http or https server; the listeners
     * that the server has get all others. May be called several times and for several servers, which
     * then share the sessions of one prefix.
     *
     * @returns true; `any` as in `@types/sockjs`
     * @throws {TypeError} `ERR_SOCKJS_INVALID_ARGUMENT`: no http server
     * @throws {TypeError} `ERR_SOCKJS_INVALID_OPTION`, {RangeError} `ERR_SOCKJS_OPTION_RANGE`
     */
    installHandlers(httpServer: HttpServer, options?: ServerOptions | null): any;

    /**
     * `installHandlers(httpServer)`, as sockjs 0.4 names it.
     *
     * @throws as `installHandlers`
     */
    attach(httpServer: HttpServer): void;

    /**
     * Takes this service off an http server: later requests under its prefix reach the application's
     * own listeners. Open websockets and responses stay. From sockjs 0.4.
     */
    detach(httpServer: HttpServer): void;

    /**
     * A listener for those who dispatch requests themselves.
     *
     * @throws as `installHandlers`
     */
    listener(options?: ServerOptions | null): Listener;

    /**
     * A handler for `request` and `upgrade`. It calls no `next`: its answer says whether the request was
     * the service's.
     *
     * @throws as `installHandlers`
     */
    middleware(options?: ServerOptions | null): Middleware;

    /** A client has connected. */
    on(event: 'connection', listener: (connection: Connection) => any): this;
    on(event: string | symbol, listener: Function): this;
    once(event: 'connection', listener: (connection: Connection) => any): this;
    once(event: string | symbol, listener: Function): this;
    addListener(event: 'connection', listener: (connection: Connection) => any): this;
    addListener(event: string | symbol, listener: Function): this;
  }

  /** A service made with `new sockjs.Server()`. */
  interface FirstServer extends Server {
    /** A client has connected. `'open'` follows `'connection'`. */
    on(event: 'connection' | 'open', listener: (connection: FirstConnection) => any): this;
    on(event: string | symbol, listener: Function): this;
    once(event: 'connection' | 'open', listener: (connection: FirstConnection) => any): this;
    once(event: string | symbol, listener: Function): this;
    addListener(event: 'connection' | 'open', listener: (connection: FirstConnection) => any): this;
    addListener(event: string | symbol, listener: Function): this;
  }

  /** A service under one prefix. */
  interface Listener {
    /** The options of the service with those of the listener laid over them. */
    options: ServerOptions;
    /** A handler for `request` and `upgrade` events. */
    getHandler(): Handler;
  }

  /**
   * Answers a request (`request`, `response`) or an upgrade (`request`, `socket`, `head`) under the
   * prefix. True if it was the service's; else nothing has been done. `request.url` is read in the call.
   */
  interface Handler {
    (
      request: http.IncomingMessage,
      response: http.ServerResponse | stream.Duplex,
      head?: Buffer,
    ): boolean;
  }

  /** A handler that is its own `upgrade`. */
  interface Middleware extends Handler {
    upgrade: Handler;
  }

  /**
   * One client: a legacy stream (`stream.Stream`), as in 0.3.24. `pipe` works both ways; what newer
   * streams have beyond it and beyond the members here (`read`, `setEncoding`, `isPaused`, `unpipe`,
   * `unshift`, `wrap`, async iteration) is in the type, for the sake of those who ask for a
   * `NodeJS.ReadWriteStream`, but not there. Applications may add members.
   *
   * `id`, `headers`, `prefix`, `remoteAddress`, `remotePort`, `address`, `url`, `pathname`, `protocol` and `_session` are
   * its own and enumerable; the addresses are missing on unix sockets. `_session` has no type: what is there for other
   * packages is in docs/api.md.
   */
  interface Connection extends NodeJS.ReadWriteStream {
    /** A version 4 UUID of the server's own making; not the session's name in the URL. */
    id: string;

    // Not `readonly`, because they are not in `@types/sockjs`. They have no setter, as in 0.3.24: assigning
    // them does nothing, and throws in strict mode.
    /** Whether `readyState` is 1. */
    readable: boolean;
    /** Whether `readyState` is 1. */
    writable: boolean;
    /** 0 connecting, 1 open, 2 closing (`'close'` is still to come), 3 closed. */
    readyState: number;

    /** Address of the peer, a proxy perhaps. `undefined` on unix sockets. */
    remoteAddress: string;
    /** Port of the peer. `undefined` on unix sockets. */
    remotePort: number;
    /** Our end of the connection: `{ address, family, port }`. `undefined` on unix sockets. */
    address: net.AddressInfo & Record<string, any>;

    /**
     * Some headers of the request that receives now: `accept-language`, `dnt`, `host`, `origin`,
     * `referer`, `user-agent`, `via`, `x-client-ip`, `x-cluster-client-ip`, `x-forwarded-for`,
     * `x-forwarded-host`, `x-forwarded-port`, `x-forwarded-proto`, `x-real-ip`, `x-ssl`.
     */
    headers: { [name: string]: string };
    /** Target of the request that receives now, query included. */
    url: string;
    /** The path in `url`. */
    pathname: string;
    /** The option `prefix` of the listener. */
    prefix: string;
    /** How the client receives now: a {@link Transport}, unless the application has assigned it. */
    // Not only these, so that it may be compared with any string, as it may in `@types/sockjs`.
    protocol: Transport | (string & {});

    /**
     * Bytes that have been written and not yet been sent: handed to the kernel on a websocket of the fast
     * door, else to the HTTP server. 0 once the connection is closed.
     */
    readonly bufferedAmount: number;

    /**
     * Sends one message: `'' + message`, so a Buffer is sent as its UTF-8 text (see the option `binary`).
     *
     * @returns false when the connection is not open, and nothing was sent; with `high_water_mark` also
     *   when the message was taken but more than that waits: `'drain'` follows
     */
    write(message: unknown): boolean;
    /** @deprecated A callback is never called, and an encoding has no effect. */
    write(message: Uint8Array | string, callback?: (error?: Error | null) => void): boolean;
    /** @deprecated A callback is never called, and an encoding has no effect. */
    write(
      message: string,
      encoding?: BufferEncoding,
      callback?: (error?: Error | null) => void,
    ): boolean;

    /**
     * Sends a last message, unless it is falsy, and closes with 1000 "Normal closure". Answers null at run
     * time, as 0.3.24 does; the type is what Node's streams declare.
     */
    end(message?: unknown): this;
    /** @deprecated A callback is never called, and an encoding has no effect. */
    end(message: Uint8Array | string, callback?: () => void): this;
    /** @deprecated A callback is never called, and an encoding has no effect. */
    end(message: string, encoding?: BufferEncoding, callback?: () => void): this;

    /**
     * Closes the connection. On websockets `'end'` and `'close'` have been emitted when this returns. They
     * follow after `disconnect_delay` on HTTP transports, where every poll until then gets the close frame
     * and begins the delay anew, and after the closing handshake on raw websockets.
     *
     * @param code by default 1000. On raw websockets 1000 or 3000 to 4999, else this throws an `Error` in
     *   the words of faye-websocket, and `readyState` is 2. Sent as it is on others
     * @param reason by default 'Normal closure'
     * @returns whether the connection was open
     */
    close(code?: number | string, reason?: string): boolean;

    /** `end()`, then removes all listeners: `'close'` is not heard where it comes later. */
    destroy(): void;
    /** `destroy()`. */
    destroySoon(): void;

    /**
     * No `'data'` until {@link resume}. Nor is anything read from the client meanwhile: `xhr_send` and
     * `jsonp_send` requests wait for their answer, 16 for one connection; more get 503.
     */
    pause(): this;
    /** Delivers what was held back, and goes on reading. */
    resume(): this;

    /** `<SockJSConnection ID>` */
    toString(): string;

    /**
     * A message: a string; the JSON value, if the client sent one that is no string; a Buffer for a
     * binary frame on a raw websocket. What clients send is up to them: a listener that declares its
     * `message` as `unknown` is made to look.
     */
    on(event: 'data', listener: (message: string) => any): this;
    /** The connection is over; both come once, `'end'` first. */
    on(event: 'end' | 'close', listener: () => void): this;
    /** After a `write()` that answered false because of `high_water_mark`: more may be written. */
    on(event: 'drain', listener: () => void): this;
    on(event: string | symbol, listener: Function): this;
    once(event: 'data', listener: (message: string) => any): this;
    once(event: 'end' | 'close' | 'drain', listener: () => void): this;
    once(event: string | symbol, listener: Function): this;
    addListener(event: 'data', listener: (message: string) => any): this;
    addListener(event: 'end' | 'close' | 'drain', listener: () => void): this;
    addListener(event: string | symbol, listener: Function): this;
  }

  /** A connection of a service made with `new sockjs.Server()`. */
  interface FirstConnection extends Connection {
    /** `write(message)` */
    send(message: unknown): boolean;

    /** As `'data'`, which comes too. */
    on(event: 'message', listener: (event: { data: any }) => any): this;
    on(event: 'data', listener: (message: string) => any): this;
    on(event: 'end' | 'close' | 'drain', listener: () => void): this;
    on(event: string | symbol, listener: Function): this;
  }
}
