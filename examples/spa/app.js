// The page: asks for the password, keeps it only in memory, and shows each new reading.

import { LONGEST_PASSWORD, WrongPassword, readings } from "../../clients/js/wrpi.js";
import { Sparkline } from "./sparkline.js";

const API = document.querySelector("meta[name=wrpi-api]").content;
const STATES = {
  connecting: "Connecting…",
  live: "Live",
  stale: "Connected, but there is no new reading.",
  throttled: "Too many wrong passwords from your address. Please wait.",
  empty: "The API is up but has no reading yet.",
  failing: "The API reports an error.",
  lost: "The connection to the API is lost.",
};
const WRONG = "Wrong password. Please try again.";
const TOO_LONG = `This password is too long. A password has at most ${LONGEST_PASSWORD.toLocaleString("en")} bytes.`;
/** An older reading is not live, in milliseconds. There should be a new one every minute. */
const STALE = 180_000;
/** How long "Connecting…" may hide behind "Live", in milliseconds, so that a change of replicas is not announced. */
const BRIEFLY = 2000;
const UNITS = [["second", 1], ["minute", 60], ["hour", 3600], ["day", 86400]];
const relative = new Intl.RelativeTimeFormat("en");

const element = (id) => document.getElementById(id);
const form = element("sign-in");
const sparkline = new Sparkline(element("line"), element("caption"));

let session = null; // The AbortController of the readings.
let reading = null;
let state = null;
let stateSince = 0;

form.addEventListener("submit", (event) => {
  event.preventDefault();
  element("problem").textContent = isTooLong() ? TOO_LONG : "";
  if (isTooLong()) return;
  session?.abort();
  session = new AbortController();
  reading = state = null;
  follow(element("password").value, session.signal);
});

element("password").addEventListener("input", () => {
  element("problem").textContent = isTooLong() ? TOO_LONG : "";
});

element("sign-out").addEventListener("click", () => signOut());

async function follow(password, signal) {
  try {
    for await (reading of readings(API, password, { signal, onState: (next) => signal.aborted || onState(next) })) {
      element("value").textContent = reading.value;
      sparkline.add(Number(reading.value));
      document.title = `${reading.value} · WRPI`;
      refresh();
    }
  } catch (error) {
    if (!(error instanceof WrongPassword)) throw error;
    if (!signal.aborted) signOut(WRONG);
  }
}

function onState(next) {
  // While it retries, the page keeps showing the reason.
  if (next.name !== "connecting" || !state || state.name === "live") [state, stateSince] = [next, Date.now()];
  else state = { ...state, retryAt: undefined };
  if (next.name === "connecting" && !form.hidden) form.setAttribute("aria-busy", "true");
  if (next.name !== "connecting" && !form.hidden) {
    show("reading");
    element("reading").focus();
  }
  refresh();
}

/** Shows the state, the age and the countdown, as of now. */
function refresh() {
  showAge();
  if (!state || !form.hidden) return;
  const isBrief = state.name === "connecting" && Date.now() - stateSince < BRIEFLY;
  const name = isBrief ? element("status").dataset.state : state.name === "live" && reading?.age > STALE ? "stale" : state.name;
  const seconds = Math.ceil((state.retryAt - Date.now()) / 1000);
  element("countdown").textContent = seconds > 0 ? `Trying again in ${seconds} s.` : "";
  if (element("status").dataset.state === name) return; // Or a screen reader would repeat it.
  element("status").dataset.state = name;
  element("state").textContent = STATES[name];
}

function signOut(problem = "") {
  session?.abort();
  reading = state = null;
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

function isTooLong() {
  return new TextEncoder().encode(element("password").value).length > LONGEST_PASSWORD;
}

function showAge() {
  if (!reading) return;
  const { age, calculatedAt } = reading;
  const seconds = Math.round(age / 1000);
  const [unit, size] = UNITS.filter(([, size]) => seconds >= size).pop() ?? UNITS[0];
  const ago = seconds < 1 ? "just now" : relative.format(-Math.floor(seconds / size), unit);
  const [date, time] = calculatedAt.toISOString().split(/[T.]/);
  element("age").textContent = `Calculated ${ago}, ${unit === "day" ? `on ${date}` : `at\u00a0${time}\u00a0UTC`}`;
}

setInterval(refresh, 1000);
