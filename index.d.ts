// Types of sockjs-rs, written by hand. Code that compiles against `@types/sockjs` compiles against them,
// except code that
// - assigns `address`;
// - calls the `log` of its options with another severity, or passes it to a function that calls it with any string;
// - expects `log` of `Required<ServerOptions>` to be a function: it may be null;
// - declares members `join`, `leave`, `rooms` or `publish` of another type on a `Connection`;
// - passes a `jsessionid` that is neither a boolean nor a function, such as a string;
// - implements a whole `Server` or `Connection` itself.

/// <reference types="node" />

import http = require('http');
import https = require('https');
import net = require('net');
import stream = require('stream');

export = sockjs;

declare namespace sockjs {
  /**
   * Makes a SockJS service. It answers nothing until it is installed: by {@link Server.installHandlers},
   * `attach`, `listener` or `middleware`.
   *
   * @throws {TypeError} `ERR_SOCKJS_INVALID_OPTION`: the value of an option cannot work
   * @throws {RangeError} `ERR_SOCKJS_OPTION_RANGE`: a number is out of range
   */
  function createServer(options?: ServerOptions | null): Server;

  /**
   * Calls `createServer(options)`, and `installHandlers(httpServer)` if an http server is given.
   *
   * @throws the errors of these two
   */
  function listen(httpServer?: HttpServer | null, options?: ServerOptions | null): Server;

  /**
   * `new sockjs.Server(options)` makes a service that has the interface of 0.0.x to 0.2 in addition to that
   * of 0.3.x. Services of {@link createServer} are not instances of it.
   */
  const Server: { new (options?: ServerOptions | null): FirstServer };

  /** A server to install a service on. */
  type HttpServer = http.Server | https.Server;

  /** The transports, as `conn.protocol` names them. */
  type Transport =
    | 'eventsource'
    | 'htmlfile'
    | 'jsonp-polling'
    | 'websocket'
    | 'websocket-raw'
    | 'xhr-polling'
    | 'xhr-streaming';

  /** Severity of a line of the log. */
  type Severity = 'debug' | 'info' | 'error';

  /** `code` of the errors that this package throws. Messages may change, codes do not. */
  type ErrorCode =
    /** `TypeError`: the value of an option cannot work. */
    | 'ERR_SOCKJS_INVALID_OPTION'
    /** `RangeError`: an option is a number that cannot work. */
    | 'ERR_SOCKJS_OPTION_RANGE'
    /** `TypeError`: an argument is of the wrong kind: an http server, the name of a room, or what is published. */
    | 'ERR_SOCKJS_INVALID_ARGUMENT'
    /** `Error`: no native binary loads on this machine. `require` throws it; the message says what to do. */
    | 'ERR_SOCKJS_NO_BINARY'
    /** `Error`: the process has no thread or file descriptor left for an I/O thread. */
    | 'ERR_SOCKJS_NO_RESOURCES';

  /**
   * Options of a service. Those of `installHandlers`, `listener` and `middleware` override those of
   * `createServer`. Unknown names are ignored.
   *
   * Leave out the options that you do not want to set. As in 0.3.24, `undefined` overrides the default of an
   * option of 0.3.24, and most of these options then throw. It does not override the default of a new option.
   */
  interface ServerOptions {
    /**
     * The beginning of the path, such as `/echo`: the source of a regular expression, without flags.
     * From 0.3.24.
     *
     * @default ''
     */
    prefix?: string | undefined;

    /**
     * Size, in UTF-16 units, at which a streaming response (xhr-streaming, eventsource, htmlfile) ends. The
     * client then makes a new request, so that the browser can free the memory of the old one. 0 is no
     * limit. From 0.3.24.
     *
     * @default 131072
     */
    response_limit?: number | undefined;

    /**
     * Whether websockets, including raw ones, are served. From 0.3.24.
     *
     * @default true
     */
    websocket?: boolean | undefined;

    /**
     * Options that 0.3.24 passes to faye-websocket. Those without effect here cause a line in the log.
     *
     * @default null
     */
    faye_server_options?: FayeServerOptions | null | undefined;

    /**
     * Whether responses set the cookie `JSESSIONID`, with which load balancers send all requests of a session
     * to one process: the client's own value, or `dummy`. A function is called with the request, whose
     * `cookies` are parsed, and with the response, on which it sets its own headers. With a function, HTTP
     * requests take the bridge. From 0.3.24.
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
     * `true` removes the CORS headers, and `origins` from `/info`. eventsource keeps its CORS headers.
     * From 0.3.24.
     *
     * @default false
     */
    disable_cors?: boolean | undefined;

    /**
     * The URL that `/info` tells the client to connect to. A function is called for each `GET /info`, which
     * then takes the bridge. If it is not set, `/info` has no `base_url`. From 0.3.24.
     */
    base_url?: string | (() => unknown) | null | undefined;

    /**
     * Called with a line for each request, and for errors. The default prints the line with `console.log`.
     * `null`, which is new, turns the log off. From 0.3.24.
     */
    log?: LogFunction | null;

    /**
     * The URL from which the page for iframe transports loads sockjs-client. Use the version that your pages
     * use. From 0.3.24.
     *
     * @default 'https://cdn.jsdelivr.net/npm/sockjs-client@1/dist/sockjs.min.js'
     */
    sockjs_url?: string | undefined;

    /**
     * The transports that are served; all if it is not set. If it is set, `/info` lists them. An unknown name
     * throws. From sockjs 0.4, which was not published.
     */
    transports?: readonly Transport[] | null | undefined;

    /**
     * The transports that are not served. Unknown names have no effect. From 0.0.x to 0.2.
     *
     * @default []
     */
    disabled_transports?: readonly string[] | null | undefined;

    /**
     * Maximum size, in bytes, of one incoming message or request body; at least 1. A larger request gets 413,
     * and a larger message closes its websocket with 1009. For websockets, `faye_server_options.maxLength`
     * takes precedence. New.
     *
     * @default 67108863
     */
    max_message_size?: number | undefined;

    /**
     * Maximum number of bytes that may wait for one client; at least 1. If more wait, the session is closed
     * with `c[3001,"Client too slow"]` (a raw websocket with 1008), the waiting messages are dropped, and one
     * `error` line is logged. New.
     *
     * @default 67108864
     */
    max_buffered?: number | undefined;

    /**
     * When more bytes than this wait for one client, `write()` returns false and `'drain'` follows, as with
     * Node's streams. Without it, `write()` returns true while the connection is open. New.
     */
    high_water_mark?: number | null | undefined;

    /**
     * `true`: on raw websockets, `write()` of a Buffer, typed array or DataView sends a binary frame instead
     * of its text. New.
     *
     * @default false
     */
    binary?: boolean | undefined;

    /**
     * Number of threads that do the network work of this Node environment, 1 to 64. The first service that is
     * installed decides. Websockets use fewer of these threads than the process has processors, but at least
     * one. New.
     *
     * @default 1
     */
    io_threads?: number | undefined;

    /**
     * Milliseconds, at least 1, that a SockJS websocket may take to answer a heartbeat. After that it is closed
     * with `c[3000,"No response from heartbeat"]`. New; in 0.3.24 this is always the default.
     *
     * @default 10000
     */
    pong_timeout?: number | undefined;
  }

  /** Called with the severity of a line, and the line. */
  // A method type, like the next one, because `@types/sockjs` declares a method here.
  type LogFunction = { call(severity: Severity, line: string): void }['call'];

  /** Called with a request and the response to it. */
  // A method type, so that functions with parameters of derived types are accepted.
  type JsessionidFunction = {
    call(request: RequestWithCookies, response: http.ServerResponse): unknown;
  }['call'];

  /** A request whose `Cookie` header has been parsed. */
  interface RequestWithCookies extends http.IncomingMessage {
    /**
     * Values by name; a value ends at its second `=`. Always present, but declared as optional and `any`, so
     * that functions which declare another type of request are accepted.
     */
    cookies?: any;
  }

  /** The options of faye-websocket, and which of them have an effect. */
  interface FayeServerOptions {
    /**
     * Maximum size, in bytes, of one websocket message; above 0. A falsy value is ignored.
     *
     * @default max_message_size
     */
    maxLength?: number | undefined;
    /**
     * Seconds between pings, above 0. A falsy value is ignored: no pings. These pings are sent in addition to
     * heartbeats, on raw websockets too.
     *
     * @default none
     */
    ping?: number | undefined;
    /** Headers that are added to the answer of the handshake. */
    headers?: Record<string, unknown> | undefined;
    /** Without effect: each causes a line in the log. Websockets are not compressed yet. */
    extensions?: unknown;
    /** Without effect: each name causes a line in the log. */
    [name: string]: unknown;
  }

  /** A SockJS service. */
  interface Server extends NodeJS.EventEmitter {
    /** The options of the service, including defaults. */
    options: ServerOptions;

    /**
     * Serves the requests and websockets under the prefix on an http or https server. All others reach the
     * listeners that the server had before. May be called several times, also for several servers, which then
     * share the sessions of one prefix.
     *
     * @returns true; declared as `any` as in `@types/sockjs`
     * @throws {TypeError} `ERR_SOCKJS_INVALID_ARGUMENT`: the argument is not an http server
     * @throws {TypeError} `ERR_SOCKJS_INVALID_OPTION`, {RangeError} `ERR_SOCKJS_OPTION_RANGE`
     */
    installHandlers(httpServer: HttpServer, options?: ServerOptions | null): any;

    /**
     * `installHandlers(httpServer)`, by its name in sockjs 0.4.
     *
     * @throws as `installHandlers`
     */
    attach(httpServer: HttpServer): void;

    /**
     * Removes this service from an http server. Later requests under its prefix reach the application's own
     * listeners. Open websockets and responses continue. From sockjs 0.4.
     */
    detach(httpServer: HttpServer): void;

    /**
     * Makes a listener, for applications that dispatch requests themselves.
     *
     * @throws as `installHandlers`
     */
    listener(options?: ServerOptions | null): Listener;

    /**
     * Makes a handler for `request` and `upgrade`. It never calls `next`: it returns true if the request
     * belonged to the service.
     *
     * @throws as `installHandlers`
     */
    middleware(options?: ServerOptions | null): Middleware;

    /**
     * Sends a message to all members of a room. For each member it is what {@link Connection.write} of this message
     * would be at this place of the program: the same bytes, order and bounds. The message is encoded once.
     *
     * @param room a string of 1 to 255 bytes as UTF-8
     * @param message is sent as `'' + message`; a Buffer, typed array or DataView is a binary frame on raw websockets
     *   with the option `binary`
     * @returns the number of connections, of this process, that it was handed to
     * @throws {TypeError} `ERR_SOCKJS_INVALID_ARGUMENT`: nothing has been sent
     */
    publish(room: string, message: unknown, options?: PublishOptions | null): number;
    /**
     * Sends a message to all connections of the service whose `'connection'` has been emitted.
     *
     * @returns and throws as {@link publish}
     */
    broadcast(message: unknown, options?: PublishOptions | null): number;
    /** The number of members of a room in this process. */
    size(room: string): number;
    /** The names of the rooms that have members in this process, in no particular order. */
    rooms(): string[];
    /**
     * The number of members of a room in all processes. Never rejects.
     *
     * @throws {TypeError} `ERR_SOCKJS_INVALID_ARGUMENT`, at once
     */
    count(room: string): Promise<RoomCount>;
    /**
     * Closes all members of a room, as {@link Connection.close} does. Never rejects.
     *
     * @param code 1000, or 3000 to 4999; by default 1000
     * @param reason by default 'Normal closure'
     * @returns how many were closed
     * @throws {TypeError} `ERR_SOCKJS_INVALID_ARGUMENT`, at once: no member has been closed
     */
    closeRoom(room: string, code?: number, reason?: string): Promise<RoomCount>;

    /** A client has connected. */
    on(event: 'connection', listener: (connection: Connection) => any): this;
    on(event: string | symbol, listener: Function): this;
    once(event: 'connection', listener: (connection: Connection) => any): this;
    once(event: string | symbol, listener: Function): this;
    addListener(event: 'connection', listener: (connection: Connection) => any): this;
    addListener(event: string | symbol, listener: Function): this;
  }

  /** How a message is published. */
  interface PublishOptions {
    /** These connections do not get the message. */
    except?: Connection | readonly Connection[] | null | undefined;
    /** `true`: only members in this process get the message. All members are in this process. */
    local?: boolean | undefined;
    /**
     * `true`: connections for which more bytes wait than `high_water_mark` (65536 if it is not set) do not get the
     * message, and are not counted.
     */
    volatile?: boolean | undefined;
  }

  /** A number of members. */
  interface RoomCount {
    count: number;
    /** Whether all processes have answered. */
    complete: boolean;
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
    /** The options of the listener, and those of the service that they do not override. */
    options: ServerOptions;
    /** A handler for `request` and `upgrade` events. */
    getHandler(): Handler;
  }

  /**
   * Serves a request (`request`, `response`) or an upgrade (`request`, `socket`, `head`) under the prefix.
   * Returns true if it belonged to the service; otherwise it has done nothing. It reads `request.url` when it
   * is called.
   */
  interface Handler {
    (
      request: http.IncomingMessage,
      response: http.ServerResponse | stream.Duplex,
      head?: Buffer,
    ): boolean;
  }

  /** A handler whose property `upgrade` is the handler itself. */
  interface Middleware extends Handler {
    upgrade: Handler;
  }

  /**
   * One client: a legacy stream (`stream.Stream`), as in 0.3.24. `pipe` works in both directions. The other
   * methods of newer streams (`read`, `setEncoding`, `isPaused`, `unpipe`, `unshift`, `wrap`, async
   * iteration) do not exist. They are in the type only so that a connection can be passed as a
   * `NodeJS.ReadWriteStream`. Applications may add members.
   *
   * `id`, `headers`, `prefix`, `remoteAddress`, `remotePort`, `address`, `url`, `pathname`, `protocol` and `_session` are
   * own enumerable properties; the addresses are missing on unix sockets. `_session` has no type; docs/api.md lists its
   * members that other packages use.
   */
  interface Connection extends NodeJS.ReadWriteStream {
    /** A version 4 UUID that the server makes. It is not the name of the session in the URL. */
    id: string;

    // Not `readonly`, because they are not in `@types/sockjs`. They have no setter, as in 0.3.24: assigning
    // them does nothing, and throws in strict mode.
    /** Whether `readyState` is 1. */
    readable: boolean;
    /** Whether `readyState` is 1. */
    writable: boolean;
    /** 0 connecting, 1 open, 2 closing (`'close'` follows), 3 closed. */
    readyState: number;

    /** Address of the peer: a client or a proxy. `undefined` on unix sockets. */
    remoteAddress: string;
    /** Port of the peer. `undefined` on unix sockets. */
    remotePort: number;
    /** The server's end of the connection: `{ address, family, port }`. `undefined` on unix sockets. */
    address: net.AddressInfo & Record<string, any>;

    /**
     * These headers of the current receiving request: `accept-language`, `dnt`, `host`, `origin`,
     * `referer`, `user-agent`, `via`, `x-client-ip`, `x-cluster-client-ip`, `x-forwarded-for`,
     * `x-forwarded-host`, `x-forwarded-port`, `x-forwarded-proto`, `x-real-ip`, `x-ssl`.
     */
    headers: { [name: string]: string };
    /** Target of the current receiving request, including its query. */
    url: string;
    /** The path in `url`. */
    pathname: string;
    /** The option `prefix` of the service. */
    prefix: string;
    /** The current transport: a {@link Transport}, unless the application has assigned another value. */
    // Any string, so that it can be compared with any string, as in `@types/sockjs`.
    protocol: Transport | (string & {});

    /**
     * Bytes that were written and not sent yet: on a connection taken from Node, not handed to the kernel;
     * otherwise, not handed to Node. 0 when the connection is closed.
     */
    readonly bufferedAmount: number;

    /**
     * Sends `'' + message` as one message, so a Buffer is sent as its UTF-8 text (see the option `binary`).
     *
     * @returns false if the connection is not open; then nothing is sent. With `high_water_mark`, also false if
     *   the message was accepted but too many bytes wait; then `'drain'` follows
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
     * Writes the message unless it is falsy, and closes with 1000 "Normal closure". It returns null, as in
     * 0.3.24; the declared type is that of Node's streams.
     */
    end(message?: unknown): this;
    /** @deprecated A callback is never called, and an encoding has no effect. */
    end(message: Uint8Array | string, callback?: () => void): this;
    /** @deprecated A callback is never called, and an encoding has no effect. */
    end(message: string, encoding?: BufferEncoding, callback?: () => void): this;

    /**
     * Closes the connection. On websockets, `'end'` and `'close'` have been emitted when it returns. On HTTP
     * transports they follow after `disconnect_delay`; until then, each poll gets the close frame and restarts
     * the delay. On raw websockets they follow after the closing handshake.
     *
     * @param code by default 1000. On raw websockets it must be 1000 or 3000 to 4999; otherwise `close` throws
     *   faye-websocket's error, and `readyState` is 2. On other transports any code is sent
     * @param reason by default 'Normal closure'
     * @returns whether the connection was open
     */
    close(code?: number | string, reason?: string): boolean;

    /** Calls `end()`, then removes all listeners, so no listener is called for a later `'close'`. */
    destroy(): void;
    /** `destroy()`. */
    destroySoon(): void;

    /**
     * Until {@link resume}, no `'data'` is emitted and nothing is read from the client. Up to 16 `xhr_send` and
     * `jsonp_send` requests of one connection wait for their answer; more get 503.
     */
    pause(): this;
    /** Delivers the messages that waited, and continues reading. */
    resume(): this;

    /**
     * Makes the connection a member of a room of its service. It leaves all rooms when it closes.
     *
     * @param room a string of 1 to 255 bytes as UTF-8
     * @returns false if it is a member already, or if it is not open
     * @throws {TypeError} `ERR_SOCKJS_INVALID_ARGUMENT`
     */
    join(room: string): boolean;
    /**
     * @returns false if it was no member, or if it is not open
     * @throws {TypeError} `ERR_SOCKJS_INVALID_ARGUMENT`
     */
    leave(room: string): boolean;
    /** The rooms of the connection, in the order in which it joined them; none if it is not open. */
    rooms(): string[];
    /**
     * Sends a message to all members of a room except this connection, which need be neither a member nor open.
     *
     * @returns and throws as {@link Server.publish}
     */
    publish(room: string, message: unknown): number;

    /** `<SockJSConnection ID>` */
    toString(): string;

    /**
     * A message: a string; the JSON value, if the client sent JSON that is not a string; a Buffer for a binary
     * frame on a raw websocket. Declare `message` as `unknown` to let the compiler require a check.
     */
    on(event: 'data', listener: (message: string) => any): this;
    /** The connection has ended. Each is emitted once, `'end'` first. */
    on(event: 'end' | 'close', listener: () => void): this;
    /** A `write()` returned false because of `high_water_mark`, and all waiting bytes have been sent since. */
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

    /** Like `'data'`, which is also emitted. */
    on(event: 'message', listener: (event: { data: any }) => any): this;
    on(event: 'data', listener: (message: string) => any): this;
    on(event: 'end' | 'close' | 'drain', listener: () => void): this;
    on(event: string | symbol, listener: Function): this;
  }
}
