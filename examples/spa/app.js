// The page: asks for the password, keeps it only in memory, and shows each new reading.

import { Sparkline } from "./sparkline.js";
import { follow } from "./stream.js";

const API = document.querySelector("meta[name=wrpi-api]").content;
const STATES = {
  connecting: "Connecting…",
  live: "Live",
  throttled: "Too many wrong passwords from your address. Please wait.",
  empty: "The API is up but has no reading yet.",
  failing: "The API reports an error.",
  lost: "The connection to the API is lost.",
};
const WRONG = "Wrong password. Please try again.";
const UNITS = [["second", 1], ["minute", 60], ["hour", 3600], ["day", 86400]];
const relative = new Intl.RelativeTimeFormat("en");

const element = (id) => document.getElementById(id);
const form = element("sign-in");
const sparkline = new Sparkline(element("line"), element("caption"));

let session = null; // The AbortController of the stream.
let calculatedAt = null;
let retryAt = null;

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const bytes = new TextEncoder().encode(`any:${element("password").value}`);
  const authorization = `Basic ${btoa(String.fromCharCode(...bytes))}`;
  session?.abort();
  session = new AbortController();
  element("problem").textContent = "";
  follow(`${API}/v0/wrpi/stream`, authorization, session.signal, { onReading, onState });
});

element("sign-out").addEventListener("click", () => signOut());

function onReading(json) {
  // JSON.parse drops trailing zeros. `source` has the original digits, in browsers that support it.
  let digits;
  const reading = JSON.parse(json, (key, value, context) => {
    if (key === "latest_value") digits = context?.source ?? String(value);
    return value;
  });
  calculatedAt = new Date(reading.latest_calculation_at.replace("+0000", "Z"));
  element("value").textContent = digits;
  sparkline.add(reading.latest_value);
  document.title = `${digits} · WRPI`;
  showAge();
}

function onState(name, wait) {
  if (name === "denied") return signOut(WRONG);
  // While it retries, the page keeps showing the reason.
  if (name === "connecting" && !form.hidden) form.setAttribute("aria-busy", "true");
  if (name === "connecting" && form.hidden) return;
  retryAt = wait === undefined ? null : Date.now() + wait;
  element("status").dataset.state = name;
  element("state").textContent = STATES[name];
  showCountdown();
  if (name !== "connecting" && !form.hidden) {
    show("reading");
    element("reading").focus();
  }
}

function signOut(problem = "") {
  session?.abort();
  retryAt = calculatedAt = null;
  sparkline.clear();
  document.title = "WRPI";
  element("value").textContent = "–";
  for (const id of ["age", "state", "countdown"]) element(id).textContent = "";
  delete element("status").dataset.state;
  show("sign-in");
  element("problem").textContent = problem;
  element("password").focus();
}

function show(id) {
  form.hidden = id !== "sign-in";
  element("reading").hidden = id !== "reading";
  form.removeAttribute("aria-busy");
  element("password").value = "";
}

function showAge() {
  if (!calculatedAt) return;
  const seconds = Math.max(0, Math.round((Date.now() - calculatedAt) / 1000));
  const [unit, size] = UNITS.findLast(([, size]) => seconds >= size) ?? UNITS[0];
  const age = seconds < 1 ? "just now" : relative.format(-Math.floor(seconds / size), unit);
  const [date, time] = calculatedAt.toISOString().split(/[T.]/);
  element("age").textContent = `Calculated ${age}, ${unit === "day" ? `on ${date}` : `at\u00a0${time}\u00a0UTC`}`;
}

function showCountdown() {
  const seconds = Math.ceil((retryAt - Date.now()) / 1000);
  element("countdown").textContent = retryAt && seconds > 0 ? `Trying again in ${seconds} s.` : "";
}

setInterval(() => {
  showAge();
  showCountdown();
}, 1000);
