// One connection for all tabs of a browser. Over HTTP/1.1 a browser opens only six connections to a host, for all tabs
// together: the seventh tab with its own stream would wait until another closes.
//
// One tab holds a lock (Web Locks API) and the connection, and tells the others what it knows (BroadcastChannel). If it
// closes or crashes, the browser gives the lock to the next tab. If it is frozen and does not answer, another tab takes
// the lock.

import { SILENCE, link, stopwatch } from "./time.js";

/** Milliseconds that the tab with the connection has to answer, and up to twice as many, so that not all tabs act. */
const ANSWER = 2000;
/** Milliseconds between two signs of life of that tab. */
const SIGN_OF_LIFE = 5000;

/**
 * The name under which tabs share: a hash, because tabs with another URL or password must not share, and because other
 * scripts of the origin can read the name. Null if this is not a tab, or the browser cannot share.
 * @param {string} url @param {Uint8Array} secret
 * @returns {Promise<string | null>}
 */
export async function sharingName(url, secret) {
  try {
    if (typeof document !== "object" || !navigator.locks) return null;
    new BroadcastChannel("wrpi").close();
    const key = await crypto.subtle.importKey("raw", secret, "PBKDF2", false, ["deriveBits"]);
    // Increase the number whenever the messages change: tabs can have different versions of this module.
    const salt = new TextEncoder().encode(`wrpi 1 ${url}`);
    const bits = await crypto.subtle.deriveBits({ name: "PBKDF2", hash: "SHA-256", salt, iterations: 100_000 }, key, 256);
    return `wrpi-${[...new Uint8Array(bits)].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
  } catch {
    return null; // Over plain HTTP, in an old browser, or in a page that may not store.
  }
}

/**
 * Shares the connection until `signal` aborts or the password is refused.
 * @param {import("./wrpi.js").Client} client @param {string} name @param {AbortSignal} signal
 */
export async function shared(client, name, signal) {
  const channel = new BroadcastChannel(name);
  /** @type {unknown} */
  let failure = null;
  let isLeader = false;
  let isStolen = false;
  let turn = new AbortController();
  /** Milliseconds since this tab, if it leads, said something, since the leader did, and since this tab asked in vain. */
  let told = stopwatch();
  let quiet = stopwatch();
  /** @type {(() => number) | null} */
  let asked = null;

  const ask = () => {
    asked = stopwatch();
    channel.postMessage("ask");
  };
  const fail = (/** @type {unknown} */ error) => {
    failure = error;
    turn.abort();
  };
  const learn = (/** @type {import("./wrpi.js").Known} */ known) => {
    try {
      client.learn(known);
    } catch (error) {
      fail(error);
    }
  };
  client.changed = () => {
    if (!isLeader) return;
    told = stopwatch();
    channel.postMessage({ known: client.known, silence: client.silence() });
  };
  channel.onmessage = ({ data }) => {
    if (data === "ask") return client.changed();
    // From a tab that was frozen and does not know it yet, or from another script.
    if (!(data?.known?.term >= client.known.term)) return;
    if (isLeader && data.known.term > client.known.term) return turn.abort();
    if (isLeader) return;
    quiet = stopwatch();
    asked = null;
    client.silence = stopwatch(data.silence);
    learn(data.known);
  };
  const lead = async () => {
    if (turn.signal.aborted) return;
    isLeader = true;
    client.known = { ...client.known, term: Math.max(Date.now(), client.known.term + 1) };
    client.changed();
    await client.connect(turn.signal).catch(fail);
  };
  const watch = () => {
    if (isLeader) return void (told() > SIGN_OF_LIFE && client.changed());
    if (client.known.state.name === "live" && client.silence() > SILENCE) {
      learn({ ...client.known, state: { name: "lost" } });
    }
    if (!asked && quiet() > SILENCE) ask();
    if (asked && asked() > ANSWER * (1 + Math.random())) {
      isStolen = true;
      turn.abort();
    }
  };
  const timer = setInterval(watch, 1000);
  try {
    while (!signal.aborted && !failure) {
      turn = new AbortController();
      const unlink = link(signal, turn);
      const options = isStolen ? { steal: true } : { signal: turn.signal };
      isStolen = false;
      ask();
      try {
        await navigator.locks.request(name, options, lead);
      } catch (error) {
        // AbortError: this tab has stopped waiting, or another one has taken the lock.
        if (/** @type {Error} */ (error).name !== "AbortError") return await client.connect(signal);
      } finally {
        isLeader = false;
        turn.abort();
        unlink();
      }
    }
    if (failure) throw failure;
  } finally {
    clearInterval(timer);
    client.changed = () => {};
    channel.close();
  }
}
