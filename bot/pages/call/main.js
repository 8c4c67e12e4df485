// The call page: puts the parts together and keeps what is shown in step with the call.

import { Call, CallError } from "./call.js";
import { Chat } from "./chat.js";
import { Danmaku } from "./danmaku.js";
import { barred, canShareScreen, openMicrophone, openSource } from "./sources.js";
import { Timeline, kindOf } from "./timeline.js";
import { onLanguage, switchLanguage, translatePage, words } from "./words.js";

const $ = (id) => document.getElementById(id);
const SLOT = { camera: 0, scene: 0, screen: 1 };
const REMEMBERED = 20; // texts whose kind is known
const STATUS = "ℹ"; // what a chat line starts with that is a status
const BACKSTAGE = /^(room|track|log)\./; // statuses that the page shows in its own way
const CAPTION = 4000; // milliseconds a caption stays after its last word

const danmaku = new Danmaku($("danmaku"));
const timeline = new Timeline($("strip"), $("detail"), $("totals"));
const chat = new Chat(document, (text) => call?.say(text) ?? false);

let call = null;
let sources = [null, null];
let microphone = null;
let state = "idle";
let began = 0;
let notice = null;
let captionTimer = 0;
const kinds = new Map(); // recent text → its kind: how it is coloured, or that it was a status

// --- the call ---

async function begin(kind) {
  hideNotice();
  if (call) return toggle(kind);
  const mine = (call = new Call());
  listenTo(mine);
  show("connecting");
  try {
    sources[SLOT[kind]] = await openSourceOf(kind);
    if (kind === "camera" && !microphone) await openMicrophone().then(useMicrophone, () => {}); // a camera alone will do
    showPicture();
    await mine.start(sources, microphone);
  } catch (error) {
    if (call === mine) over(error instanceof CallError ? error.reason : "failed_media");
  }
}

/** Switches a source of the running call on or off. */
async function toggle(kind) {
  const slot = SLOT[kind];
  const old = sources[slot];
  if (old?.kind === kind) return drop(slot);
  try {
    const source = await openSourceOf(kind);
    if (!call) return source.close();
    sources[slot] = source;
    await call.show(slot, source);
    old?.close();
    showPicture();
  } catch (error) {
    warn(error.reason ?? "failed_media");
  }
}

async function openSourceOf(kind) {
  const source = await openSource(kind);
  source.track.addEventListener("ended", () => {
    if (!sources.includes(source)) return;
    drop(SLOT[kind]);
    warn("ended");
  });
  return source;
}

function drop(slot) {
  sources[slot]?.close();
  sources[slot] = null;
  call?.show(slot, null);
  showPicture();
}

async function toggleMicrophone() {
  hideNotice();
  if (microphone) {
    microphone.stop();
    useMicrophone(null);
  } else {
    try {
      useMicrophone(await openMicrophone());
    } catch (error) {
      return warn(error.reason ?? "missing_mic");
    }
  }
  await call?.speak(microphone);
}

function useMicrophone(track) {
  microphone = track;
  $("mic").setAttribute("aria-pressed", String(Boolean(track)));
}

function listenTo(mine) {
  const whileMine = (handle) => (event) => call === mine && handle(event.detail);
  mine.addEventListener("open", whileMine(opened));
  mine.addEventListener("message", whileMine(receive));
  mine.addEventListener("voice", whileMine(hear));
  mine.addEventListener("steady", whileMine((steady) => show(steady ? "listening" : "connecting")));
  mine.addEventListener("over", whileMine(over));
}

function opened() {
  began = performance.now();
  timeline.clear();
  chat.clear();
  show("initializing");
  chat.open(true);
  $("line").focus({ preventScroll: true });
}

function over(reason) {
  const was = state;
  call?.hangUp();
  call = null;
  for (const source of sources) source?.close();
  sources = [null, null];
  microphone?.stop();
  useMicrophone(null);
  $("bot-voice").srcObject = null;
  $("unlock").hidden = true;
  chat.open(false);
  danmaku.clear();
  showPicture();
  show(was === "connecting" ? "idle" : "over");
  if (reason !== "hung_up") warn(reason);
}

// --- what the bot says ---

function receive(message) {
  if (message.type === "chat") said(String(message.text));
  else if (message.type === "transcript") caption(message);
  else if (message.type === "agent_state") show(message.state in STATES ? message.state : "listening");
  else if (message.type === "error") warn(["too_long", "too_fast"].includes(message.reason) ? message.reason : "not_understood");
  else if (message.type === "log" && message.event) record(message.event);
}

const STATES = { initializing: 1, idle: 1, listening: 1, thinking: 1, speaking: 1 };

function record(event) {
  if (event.kind === "tick") {
    timeline.add(event);
    const text = event.text || event.note;
    if (text && event.action !== "silence") remember(text, event.reply_to ? "reply" : kindOf(event));
  } else if (event.kind === "instruction") chat.wish(event);
  else if (event.kind === "status" && !BACKSTAGE.test(event.state)) note(`${event.reason} ${event.remedy ?? ""}`.trim());
}

function note(text) {
  if (kinds.get(text) === "status") return; // the log and the chat both tell it
  remember(text, "status");
  chat.status(text);
}

function remember(text, kind) {
  kinds.set(text, kind);
  if (kinds.size > REMEMBERED) kinds.delete(kinds.keys().next().value);
}

function said(text) {
  if (text.startsWith(STATUS)) return note(text.slice(STATUS.length).trim());
  const kind = kinds.get(text) ?? "speak";
  chat.fromBot(text, kind);
  danmaku.fly(text, kind);
}

function caption({ text, final }) {
  const node = $("caption");
  node.textContent = text;
  node.hidden = !text;
  clearTimeout(captionTimer);
  if (final) captionTimer = setTimeout(() => (node.hidden = true), CAPTION);
}

function hear(stream) {
  const audio = $("bot-voice");
  audio.srcObject = stream;
  audio.play().catch(() => ($("unlock").hidden = false));
}

// --- what the page shows ---

function show(next) {
  state = next;
  document.body.dataset.phase = call ? "call" : "idle";
  $("welcome").hidden = Boolean(call);
  $("tools").hidden = !call;
  const shown = next === "idle" && call ? "listening" : next;
  $("state").dataset.state = shown;
  $("state-text").textContent = words()[`state_${shown}`];
}

function showPicture() {
  const [first, screen] = sources;
  const large = screen ?? first;
  put($("own"), large);
  put($("inset"), screen && first);
  for (const button of document.querySelectorAll(".tool[data-source]"))
    button.setAttribute("aria-pressed", String(sources.some((source) => source?.kind === button.dataset.source)));
}

function put(video, source) {
  video.hidden = !source;
  video.dataset.kind = source?.kind ?? "";
  video.srcObject = source?.stream ?? null;
}

/** Says what went wrong and what helps. `reason` is a key of the words. */
function warn(reason) {
  notice = reason;
  const [what, how] = words()[reason] ?? words().lost;
  $("notice-what").textContent = what;
  $("notice-how").textContent = how;
  $("notice-action").textContent = words().again;
  $("notice-action").hidden = call !== null || !["busy", "no_answer", "no_bot", "no_path", "lost", "left"].includes(reason);
  $("notice").hidden = false;
}

function hideNotice() {
  notice = null;
  $("notice").hidden = true;
}

function tickClock() {
  const seconds = call && began ? Math.floor((performance.now() - began) / 1000) : 0;
  $("clock").textContent = seconds ? `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}` : "";
}

// --- the controls ---

let last = "scene";
for (const button of document.querySelectorAll("[data-source]"))
  button.addEventListener("click", () => begin((last = button.dataset.source)));
$("mic").addEventListener("click", toggleMicrophone);
$("end").addEventListener("click", () => over("hung_up"));
$("language").addEventListener("click", switchLanguage);
$("notice-close").addEventListener("click", hideNotice);
$("notice-action").addEventListener("click", () => begin(last));
$("mute").addEventListener("click", () => {
  const audio = $("bot-voice");
  audio.muted = !audio.muted;
  $("mute").setAttribute("aria-pressed", String(!audio.muted));
});
$("volume").addEventListener("input", () => ($("bot-voice").volume = $("volume").value / 100));
document.addEventListener("click", () => {
  if ($("unlock").hidden) return;
  $("bot-voice").play().then(() => ($("unlock").hidden = true), () => {});
});
addEventListener("pagehide", () => call?.abandon());
setInterval(tickClock, 1000);

onLanguage(() => {
  translatePage();
  $("language").textContent = words().other;
  show(state);
  if (notice) warn(notice);
});
$("mute").setAttribute("aria-pressed", "true");
for (const button of document.querySelectorAll('[data-source="screen"]')) button.hidden = !canShareScreen();
showPicture();
if (new URLSearchParams(location.search).get("demo") === "1") begin("scene");
else if (barred()) warn(barred());
