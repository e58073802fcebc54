// Follows the API's stream of readings and reconnects after every failure. `EventSource` cannot be used, because it
// cannot send an Authorization header.

/** A connection that is silent for this long is closed. The API sends something at least every 15 seconds. */
const SILENCE = 40_000;
const LONGEST_WAIT = 15_000;

/**
 * Follows the stream at `url` until `signal` aborts or the password is refused.
 * `onReading` gets the JSON text of each reading. `onState` gets the name of each new state ("connecting", "live",
 * "denied", "throttled", "empty", "failing", "lost") and the milliseconds until the next attempt, if there is one.
 */
export async function follow(url, authorization, signal, { onReading, onState }) {
  let lastEventId = null;
  let failures = 0;
  while (!signal.aborted) {
    onState("connecting");
    let state = "lost";
    let wait = Math.min(1000 * 2 ** failures, LONGEST_WAIT) * (0.75 + Math.random() / 4);
    const silence = new AbortController();
    let timer = setTimeout(() => silence.abort(), SILENCE);
    const heard = () => {
      clearTimeout(timer);
      timer = setTimeout(() => silence.abort(), SILENCE);
    };
    try {
      const headers = { Authorization: authorization, ...(lastEventId && { "Last-Event-ID": lastEventId }) };
      // Without "omit", the browser may show its own login dialog after a 401.
      const options = { headers, cache: "no-store", credentials: "omit" };
      const response = await fetch(url, { ...options, signal: AbortSignal.any([signal, silence.signal]) });
      if (response.status === 401) return onState("denied");
      if (response.ok) {
        failures = 0;
        onState("live");
        for await (const event of events(response.body, heard)) {
          lastEventId = event.id ?? lastEventId;
          if (event.event === "wrpi") onReading(event.data);
        }
        wait = 1000; // The server ended the stream because it is stopping. Another server may be ready.
      } else {
        state = { 429: "throttled", 503: "empty" }[response.status] ?? "failing";
        wait = Math.max(wait, 1000 * (Number(response.headers.get("Retry-After")) || 0));
      }
    } catch {
      if (signal.aborted) return;
    } finally {
      clearTimeout(timer);
    }
    failures += 1;
    onState(state, wait);
    await pause(wait, signal);
  }
}

/** Parses a response body to events, as objects with their fields (HTML Living Standard, section 9.2). */
async function* events(body, heard) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let buffer = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    heard();
    const blocks = (buffer + value).split("\n\n");
    buffer = blocks.pop();
    for (const block of blocks) {
      yield Object.fromEntries(block.split("\n").map((line) => /^([^:]*):? ?(.*)/.exec(line).slice(1)));
    }
  }
}

/** Waits, or until the browser is online again or `signal` aborts. */
function pause(milliseconds, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(done, milliseconds);
    function done() {
      clearTimeout(timer);
      removeEventListener("online", done);
      signal.removeEventListener("abort", done);
      resolve();
    }
    addEventListener("online", done);
    signal.addEventListener("abort", done);
  });
}
