// Follows the readings of a WRPI API, in browsers and in Node 20 or newer. An ES module without dependencies.
// docs/clients.md has a recipe, docs/api.md the contract.

import { shared, sharingName } from "./tabs.js";
import { SILENCE, clockJump, link, listen, pause, stopwatch } from "./time.js";

export { SILENCE };
/** The longest wait between two attempts in milliseconds, unless the API asks for a longer one. */
const LONGEST_WAIT = 15_000;
/** The longest wait that an API can ask for. */
const DAY = 86_400_000;
/** The API has no longer password. A much longer one would exceed its limit on the head of a request. */
export const LONGEST_PASSWORD = 4096;
/** `Date` has whole seconds, so smaller differences between the clocks are not visible. */
const CLOCKS_AGREE = 2000;
/** The events of a page that is no longer frozen. */
const THAW = ["pageshow", "resume"];

/**
 * What the client is doing. "throttled": too many wrong passwords from this address. "empty": the API has no reading yet.
 * "failing": another error, with its `status`. "lost": no connection. `retryAt`: `Date.now()` of the next attempt.
 * @typedef {{ name: "connecting" | "live" | "throttled" | "empty" | "failing" | "lost", retryAt?: number, status?: number }} State
 */

/**
 * Everything that tabs tell each other. It contains no password.
 * @typedef {object} Known
 * @property {State | { name: "denied", retryAt?: undefined }} state
 * @property {string | null} data The latest reading, as JSON.
 * @property {string | null} id The id of its event.
 * @property {number} failures Consecutive attempts that failed.
 * @property {number} ahead Milliseconds by which the API's clock is ahead of this one.
 * @property {number} term Increases with each change of the tab that holds the stream.
 */

/** The API refused the password. */
export class WrongPassword extends Error {
  constructor() {
    super("wrong password");
    this.name = "WrongPassword";
  }
}

/** One reading of the index. */
export class Reading {
  #ahead;

  /** @param {string} data @param {string | null} id @param {() => number} ahead */
  constructor(data, id, ahead) {
    const { latest_value, latest_calculation_at } = JSON.parse(data);
    /** All digits, such as "69.420". `Number(value)` drops final zeros. */
    this.value = /"latest_value"\s*:\s*([^\s,}]+)/.exec(data)?.[1] ?? String(latest_value);
    this.calculatedAt = new Date(latest_calculation_at.replace("+0000", "Z"));
    /** The ETag of the reading. */
    this.id = id;
    this.#ahead = ahead;
  }

  /** Milliseconds since the calculation, by the API's clock. Grows while you hold the reading. */
  get age() {
    return Math.max(0, Date.now() + this.#ahead() - this.calculatedAt.getTime());
  }
}

/**
 * Yields the latest reading at once and then each new one. Reconnects after every failure, as the API asks. Ends when
 * `signal` aborts. A consumer that is slow misses readings and gets the latest one next.
 *
 * Tabs of one origin with the same `url` and `password` share one connection if the browser can (`share: false`: never).
 *
 * @param {string | URL} url The API's URL, such as "https://wrpi.example.com".
 * @param {string} password Kept in memory only.
 * @param {{ signal?: AbortSignal, onState?: (state: State) => void, share?: boolean }} [options]
 * @returns {AsyncGenerator<Reading, void, void>}
 * @throws {WrongPassword} If the API refuses the password.
 * @throws {RangeError} If the password is too long.
 * @throws {TypeError} If `url` is not the URL of an API.
 */
export async function* readings(url, password, options = {}) {
  const { signal, onState, share = true } = options;
  const client = new Client(url, password, onState);
  const stop = new AbortController();
  const unlink = link(signal, stop);
  client.run(share, stop.signal).then(() => client.end(null), (error) => client.end(error));
  try {
    for (;;) {
      const reading = await client.next();
      if (!reading) return;
      yield reading;
    }
  } finally {
    unlink();
    stop.abort();
  }
}

/** The connection of one tab, or its share in that of another. */
export class Client {
  /** @type {Known} */
  known = { state: { name: "connecting" }, data: null, id: null, failures: 0, ahead: 0, term: 0 };
  /** Milliseconds since the API sent something. */
  silence = stopwatch();
  /** Called when `known` changes, and when the API has sent something. */
  changed = () => {};
  #stream;
  #authorization;
  #secret;
  #onState;
  /** @type {Reading | null} */
  #latest = null;
  #isOver = false;
  /** @type {Error | null} */
  #error = null;
  #wake = () => {};

  /** @param {string | URL} url @param {string} password @param {(state: State) => void} [onState] */
  constructor(url, password, onState = () => {}) {
    const base = new URL(url);
    if (!/^https?:$/.test(base.protocol) || base.username || base.password) {
      throw new TypeError("the URL must begin with http:// or https://, and contain no user name or password");
    }
    if (!base.pathname.endsWith("/")) base.pathname += "/";
    this.#stream = new URL("v0/wrpi/stream", base).href;
    const bytes = new TextEncoder().encode(password.normalize("NFC")); // RFC 7617
    if (bytes.length > LONGEST_PASSWORD) {
      throw new RangeError(`the password has ${bytes.length} bytes; allowed: at most ${LONGEST_PASSWORD}`);
    }
    this.#authorization = `Basic ${btoa(`any:${String.fromCharCode(...bytes)}`)}`;
    this.#secret = bytes;
    this.#onState = onState;
  }

  /**
   * The next reading; null at the end.
   * @returns {Promise<Reading | null>}
   */
  async next() {
    while (!this.#latest && !this.#isOver) await new Promise((resolve) => (this.#wake = () => resolve(undefined)));
    if (this.#error) throw this.#error;
    const latest = this.#latest;
    this.#latest = null;
    return this.#isOver ? null : latest;
  }

  /** @param {Error | null} error */
  end(error) {
    this.#isOver = true;
    this.#error = error;
    this.#wake();
  }

  /**
   * Runs until `signal` aborts or the password is refused.
   * @param {boolean} share @param {AbortSignal} signal
   */
  async run(share, signal) {
    this.#onState({ name: "connecting" });
    // A page that the browser freezes must hold no connection and no lock, or it blocks others and the back button.
    let isFrozen = false;
    let awake = new AbortController();
    const unlisten = [
      listen(["freeze", "pagehide"], () => {
        isFrozen = true;
        awake.abort();
      }),
      listen(THAW, () => (isFrozen = false)),
    ];
    try {
      const name = share ? await sharingName(this.#stream, this.#secret) : null;
      while (!signal.aborted) {
        if (isFrozen) await pause(Infinity, signal, THAW);
        awake = new AbortController();
        const unlink = link(signal, awake);
        await (name ? shared(this, name, awake.signal) : this.connect(awake.signal)).finally(unlink);
        const isOnline = ["live", "connecting"].includes(this.known.state.name);
        if (isOnline && !signal.aborted) this.learn({ ...this.known, state: { name: "lost" } });
      }
    } finally {
      for (const stop of unlisten) stop();
    }
  }

  /**
   * Takes over what another tab, or the connection, knows.
   * @param {Known} known
   * @throws {WrongPassword}
   */
  learn(known) {
    const before = this.known;
    if (known.data !== null && known.data !== before.data) {
      this.#latest = new Reading(known.data, known.id, () => this.known.ahead);
    }
    this.known = known;
    if (known.state.name === "denied") throw new WrongPassword();
    if (this.#latest) this.#wake();
    if (known.state.name !== before.state.name || known.state.retryAt !== before.state.retryAt) this.#onState(known.state);
  }

  /** @param {Partial<Known>} news */
  #tell(news) {
    try {
      this.learn({ ...this.known, ...news });
    } finally {
      this.changed();
    }
  }

  /**
   * Keeps a connection until `signal` aborts or the password is refused.
   * @param {AbortSignal} signal
   */
  async connect(signal) {
    // A tab that takes over keeps to the wait that the API asked for.
    await this.#wait(signal);
    while (!signal.aborted) {
      this.#tell({ state: { name: "connecting" } });
      const lived = stopwatch();
      const { wait = 0, ...state } = await this.#attempt(signal);
      if (signal.aborted) return;
      const failures = state.name === "lost" && lived() > LONGEST_WAIT ? 0 : this.known.failures;
      const backOff = Math.min(1000 * 2 ** failures, LONGEST_WAIT) * (0.75 + Math.random() / 4);
      const retryAt = Date.now() + Math.max(backOff, wait);
      this.#tell({ failures: failures + 1, state: { ...state, retryAt } });
      await this.#wait(signal);
    }
  }

  /** @param {AbortSignal} signal */
  async #wait(signal) {
    const { name, retryAt = 0 } = this.known.state;
    await pause(retryAt - Date.now(), signal, name === "lost" ? ["online"] : []);
  }

  /**
   * One connection, from the request to its end.
   * @param {AbortSignal} signal @returns {Promise<State & { wait?: number }>}
   */
  async #attempt(signal) {
    const attempt = new AbortController();
    const unlink = link(signal, attempt);
    const heard = () => {
      this.silence = stopwatch();
      this.changed();
    };
    heard();
    // If a clock is set, or the machine has slept, a new response says how far the API's clock is ahead.
    const jump = clockJump();
    const timer = setInterval(() => (this.silence() > SILENCE || jump() > CLOCKS_AGREE) && attempt.abort(), 1000);
    try {
      const headers = { Authorization: this.#authorization, ...(this.known.id !== null && { "Last-Event-ID": this.known.id }) };
      // Without "omit", a browser may show its own dialog after a 401.
      const response = await fetch(this.#stream, { headers, cache: "no-store", credentials: "omit", signal: attempt.signal });
      const { status } = response;
      const ahead = Date.parse(response.headers.get("Date") ?? "") - Date.now();
      if (status === 401) this.#tell({ state: { name: "denied" } });
      if (!response.ok || !response.body || !response.headers.get("Content-Type")?.startsWith("text/event-stream")) {
        const { error_code } = await response.json().catch(() => ({}));
        const name = status === 429 ? "throttled" : error_code === "unavailable" ? "empty" : "failing";
        return { name, status, wait: retryAfter(response.headers.get("Retry-After"), ahead) };
      }
      this.#tell({ state: { name: "live" }, ahead: Math.abs(ahead) > CLOCKS_AGREE ? ahead : 0 });
      for await (const { event, id = null, data } of events(response.body, heard)) {
        if (event === "wrpi") this.#tell({ id, data });
      }
    } catch (error) {
      if (error instanceof WrongPassword) throw error;
    } finally {
      clearInterval(timer);
      unlink();
      attempt.abort();
    }
    return { name: "lost" };
  }
}

/**
 * Milliseconds of `Retry-After`, which holds seconds or a date. 0 if it holds something else.
 * @param {string | null} value @param {number} ahead
 */
function retryAfter(value, ahead) {
  const wait = /^\d+$/.test(value ?? "") ? Number(value) * 1000 : Date.parse(value ?? "") - Date.now() - (ahead || 0);
  return Math.min(Math.max(0, wait || 0), DAY);
}

/**
 * Parses a response body to events, as objects with their fields (HTML Living Standard, section 9.2).
 * @param {ReadableStream<Uint8Array>} body @param {() => void} heard
 * @returns {AsyncGenerator<{ [field: string]: string }>}
 */
async function* events(body, heard) {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let rest = "";
  /** @type {{ [field: string]: string }} */
  let event = {};
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    heard();
    // A CR at the end may be half of a CRLF.
    const lines = (rest + decoder.decode(value, { stream: true })).split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop() ?? "";
    for (const line of lines) {
      const [, field, content] = /^([^:]*):? ?(.*)/s.exec(line) ?? [];
      if (line) event[field] = field === "data" && event.data !== undefined ? `${event.data}\n${content}` : content;
      else if (event.data !== undefined) yield event;
      if (!line) event = {};
    }
  }
}
