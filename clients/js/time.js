// Waiting and measuring, on machines that sleep and change their clocks.

/** Milliseconds without any data after which a connection is lost. A healthy API sends something every 7 seconds. */
export const SILENCE = 20_000;

/**
 * Starts to measure. The result returns the elapsed milliseconds, by whichever clock has advanced more: one stops while
 * the machine sleeps, the other can be set.
 * @param {number} [already] Milliseconds that have already passed.
 */
export function stopwatch(already = 0) {
  const [wall, steady] = [Date.now(), performance.now()];
  return () => already + Math.max(Date.now() - wall, performance.now() - steady);
}

/** Starts to watch the clocks. The result returns by how many milliseconds they disagree since then. */
export function clockJump() {
  const difference = () => Date.now() - performance.now();
  const before = difference();
  return () => Math.abs(difference() - before);
}

/**
 * Waits for `milliseconds`, or until `signal` aborts or the page gets one of the `events`. Never fails.
 * @param {number} milliseconds @param {AbortSignal} signal @param {string[]} [events]
 * @returns {Promise<void>}
 */
export function pause(milliseconds, signal, events = []) {
  if (signal.aborted || milliseconds <= 0) return Promise.resolve();
  return new Promise((resolve) => {
    const elapsed = stopwatch();
    // Not one long timer: it would be late after the machine has slept, and cannot be longer than 24 days.
    const timer = setInterval(() => elapsed() >= milliseconds && done(), Math.min(milliseconds, 500));
    const unlisten = listen(events, done);
    function done() {
      clearInterval(timer);
      signal.removeEventListener("abort", done);
      unlisten();
      resolve();
    }
    signal.addEventListener("abort", done);
  });
}

/**
 * Calls `listener` at these events of the page, if there is a page, until the result is called.
 * @param {string[]} events @param {() => void} listener
 */
export function listen(events, listener) {
  const targets = typeof document === "object" ? [window, document] : [];
  for (const target of targets) for (const event of events) target.addEventListener(event, listener);
  return () => {
    for (const target of targets) for (const event of events) target.removeEventListener(event, listener);
  };
}

/**
 * Aborts `controller` when `signal` aborts, until the result is called. (`AbortSignal.any` is missing in Safari before
 * 17.4.)
 * @param {AbortSignal | undefined} signal @param {AbortController} controller
 */
export function link(signal, controller) {
  const abort = () => controller.abort();
  if (signal?.aborted) abort();
  signal?.addEventListener("abort", abort);
  return () => signal?.removeEventListener("abort", abort);
}
