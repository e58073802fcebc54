// The module against a server that sends what proxies, broken servers and other clocks can send. `make api-test` runs it.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { test as unbounded } from "node:test";

import { readings } from "../wrpi.js";

const PASSWORD = crypto.randomUUID();
const HOUR = 3_600_000;
const test = (name, body) => unbounded(name, { timeout: 60_000 }, body);
const STREAM = { "Content-Type": "text/event-stream" };

const TIME = new Date().toISOString().replace(/\..*/, "+0000");
const data = (value) => `{"latest_value":${value},"latest_calculation_at":"${TIME}"}`;
const event = (value) => `event: wrpi\nid: "${value}"\ndata: ${data(value)}\n\n`;

/** Serves the `answers` in turn, and the last one from then on. */
async function serve(t, ...answers) {
  const asked = [];
  const server = createServer((request, response) => {
    asked.push(request.headers);
    (answers.length > 1 ? answers.shift() : answers[0])(response, request);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => (server.close(), server.closeAllConnections()));
  return { url: `http://127.0.0.1:${server.address().port}`, asked };
}

/** Follows `url`. `states` and `seen` fill up; `until` waits for a condition; `end` resolves to the error or undefined. */
function follow(t, url) {
  const stop = new AbortController();
  const states = [];
  const seen = [];
  let check = () => {};
  const onState = (state) => check(states.push(state));
  const run = async () => {
    for await (const reading of readings(url, PASSWORD, { signal: stop.signal, onState })) check(seen.push(reading));
  };
  const end = run().catch((error) => error);
  const until = (condition) =>
    new Promise((resolve, reject) => {
      check = () => condition() && resolve();
      check();
      end.then((error) => reject(error ?? new Error("ended")));
    });
  t.after(() => stop.abort());
  return { states, seen, until, end, stop };
}

const stream = (...parts) => (response) => {
  response.writeHead(200, STREAM).flushHeaders();
  for (const part of parts) response.write(part);
};
const brief = (...parts) => (response) => response.writeHead(200, STREAM).end(parts.join(""));
const refuse = (status, headers = {}) => (response) => response.writeHead(status, headers).end("no JSON");

test("reads a stream with any line ends, cut anywhere", async (t) => {
  const plain = `\uFEFF: a comment\n\nevent: other\ndata: {}\n\nid: none\n\n${event("1.000")}` +
    `event:wrpi\nid:"2.000 ü日🙂\u2028"\nretry: 1\nnonsense\ndata: {"latest_value":2.000,\ndata: ${data("2.000").slice(22)}\n\n`;
  for (const lineEnd of ["\n", "\r\n", "\r"]) {
    // In a stream of CRs, the last one could be half of a CRLF.
    const bytes = new TextEncoder().encode(plain.replaceAll("\n", lineEnd) + ":");
    for (const size of [1, 2, 7, bytes.length]) {
      const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, n) => bytes.slice(n * size, (n + 1) * size));
      t.mock.method(globalThis, "fetch", async (_url, { signal }) => {
        const start = (out) => {
          for (const chunk of chunks) out.enqueue(chunk);
          signal.addEventListener("abort", () => out.error());
        };
        return new Response(new ReadableStream({ start }), { headers: STREAM });
      });
      const client = follow(t, "http://test");
      await client.until(() => client.seen.at(-1)?.value === "2.000");
      assert.equal(client.seen.at(-1).id, '"2.000 ü日🙂\u2028"', `${JSON.stringify(lineEnd)}, ${size} bytes`);
      client.stop.abort();
      assert.equal(await client.end, undefined);
      t.mock.restoreAll();
    }
  }
});

test("yields no half event, and continues after the last whole one", async (t) => {
  const half = event("2.000").trimEnd();
  const server = await serve(t, brief(event("1.000"), half), stream(event("3.000")));
  const client = follow(t, server.url);
  await client.until(() => client.seen.length === 2);
  assert.deepEqual(client.seen.map(({ value }) => value), ["1.000", "3.000"]);
  assert.deepEqual(server.asked.map((headers) => headers["last-event-id"]), [undefined, '"1.000"']);
});

test("yields a reading once if the server repeats it, and survives events that are no readings", async (t) => {
  const repeated = brief(event("1.000"), event("1.000"), "event: wrpi\ndata: {\n\n");
  let send;
  const slow = (response) => {
    stream(event("1.000"), event("2.000"))(response);
    send = (value) => response.write(`event: wrpi\ndata: ${data(value)}\n\n`);
  };
  const server = await serve(t, repeated, slow);
  const client = follow(t, server.url);
  await client.until(() => client.seen.length === 2);
  for (const [value, length] of [["3.000", 3], ["4.000", 4]]) {
    send(value); // without an ID
    await client.until(() => client.seen.length === length);
  }
  assert.deepEqual(client.seen.map(({ value }) => value), ["1.000", "2.000", "3.000", "4.000"]);
});

test("waits longer after each failure", async (t) => {
  const server = await serve(t, refuse(503), refuse(500), stream(event("1.000")));
  const client = follow(t, server.url);
  const waits = [];
  for (const status of [503, 500]) {
    await client.until(() => client.states.at(-1)?.status === status);
    waits.push(client.states.at(-1).retryAt - Date.now());
  }
  assert.ok(waits[0] > 0 && waits[0] <= 1000 && waits[1] > 1000 && waits[1] <= 2000, `${waits}`);
  await client.until(() => client.seen.length === 1);
});

test("waits as long as Retry-After says, for a day at most", async (t) => {
  const inAMinute = (ahead) => new Date(Date.now() + 60_000 + ahead).toUTCString();
  for (const [headers, least, most] of [
    [{ "Retry-After": "7" }, 6000, 7000],
    [{ "Retry-After": inAMinute(0) }, 50_000, 62_000],
    [{ "Retry-After": inAMinute(HOUR), Date: new Date(Date.now() + HOUR).toUTCString() }, 50_000, 62_000],
    [{ "Retry-After": "9".repeat(400) }, 23 * HOUR, 24 * HOUR],
    ...["-5", "", "soon", "1e9", "Infinity", "0x1000", new Date(0).toUTCString()].map((value) => [{ "Retry-After": value }, 0, 1000]),
  ]) {
    const server = await serve(t, refuse(429, headers));
    const client = follow(t, server.url);
    await client.until(() => client.states.at(-1)?.name === "throttled");
    const wait = client.states.at(-1).retryAt - Date.now();
    assert.ok(least - 5000 < wait && wait <= most, `${JSON.stringify(headers)}: ${wait}`);
    assert.ok(least === 0 || wait > 1000, `${JSON.stringify(headers)}: ${wait}`);
    client.stop.abort();
  }
});

test("stops if the password is refused later", async (t) => {
  const server = await serve(t, brief(event("1.000")), refuse(401));
  const client = follow(t, server.url);
  assert.equal((await client.end).name, "WrongPassword");
  assert.equal(server.asked.length, 2);
});

test("ends when it is aborted, whatever it is doing", async (t) => {
  for (const [answer, condition] of [
    [stream(), () => true], // before the request
    [() => {}, (client, server) => server.asked.length === 1],
    [stream(), (client) => client.states.at(-1)?.name === "live"],
    [refuse(503, { "Retry-After": "60" }), (client) => client.states.at(-1)?.name === "failing"],
    [(response) => response.writeHead(503).write("{"), (client, server) => server.asked.length === 1],
  ]) {
    const server = await serve(t, answer);
    const client = follow(t, server.url);
    while (!condition(client, server)) await new Promise(setImmediate);
    client.stop.abort();
    assert.equal(await client.end, undefined);
  }
});

test("knows the age of a reading after a clock was set or the machine slept", async (t) => {
  const now = Date.now;
  for (const offset of [HOUR, -HOUR]) {
    const server = await serve(t, stream(event("1.000")), stream(":\n\n"));
    const client = follow(t, server.url);
    await client.until(() => client.seen.length === 1);
    t.mock.method(Date, "now", () => now() + offset);
    await client.until(() => client.states.filter(({ name }) => name === "live").length === 2);
    const { age, calculatedAt } = client.seen[0];
    const real = now() - calculatedAt;
    assert.ok(Math.abs(age - real) < 5000, `${age} and not ${real}`);
    client.stop.abort();
    t.mock.restoreAll();
  }
});

test("refuses URLs that no request can have", async (t) => {
  for (const url of ["test", "file:///", "ftp://test", "http://any:secret@test", "https://any@test"]) {
    const error = await follow(t, url).end;
    assert.ok(error instanceof TypeError && !error.message.includes("secret"), url);
  }
});
