// An overlay: shows what its part of the page is for. Text comes from outside, and is only ever put in as text.

import { Captions } from "./captions.js";
import { Counter } from "./counter.js";
import { Danmaku } from "./danmaku.js";
import { Stream } from "./stream.js";
import { wearStyle } from "./style.js";
import { Toasts } from "./toasts.js";

const $ = (id) => document.getElementById(id);
const { part, stream } = document.body.dataset;
const style = wearStyle();
const shows = (name) => part === "all" || part === name;

// Where everything is on one page, danmaku fly past what stands at the edges.
if (part === "all") {
  const edges = [[style.corner.split("-")[0], 2.6], [style.toast.split("-")[0], 2.6], [style.captions, style.lines * 1.3 + 0.4]];
  const kept = (edge) => Math.max(0, ...edges.filter(([at]) => at === edge).map(([, height]) => height));
  document.body.style.setProperty("--above", kept("top"));
  document.body.style.setProperty("--below", kept("bottom"));
}

const danmaku = shows("danmaku") ? new Danmaku($("danmaku"), style) : null;
const captions = shows("captions") ? new Captions($("caption"), style) : null;
const counter = shows("counter") ? new Counter($("counter"), style) : null;
const toasts = shows("alert") ? new Toasts($("toast"), style) : null;

const text = (value) => String(value ?? "");

function receive(message) {
  if (message.type === "said") danmaku?.fly(text(message.text), text(message.kind), text(message.lang));
  else if (message.type === "caption") captions?.show(text(message.text), Number(message.ms) || 3000, text(message.lang));
  else if (message.type === "alert") toasts?.show(text(message.text), text(message.lang));
  else if (message.counters) counter?.show(message.counters);
}

// The preview shows samples in a page without a session.
const samples = new URLSearchParams(location.search).has("sample");
if (samples) addEventListener("message", (event) => event.origin === location.origin && receive(event.data));
else {
  const line = new Stream(stream);
  line.addEventListener("message", (event) => receive(event.detail));
  line.addEventListener("line", (event) => (document.body.dataset.line = event.detail ? "up" : "down"));
  line.start();
}
document.body.dataset.ready = "";
