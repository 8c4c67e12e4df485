// Styles an overlay by hand, and makes the address that OBS is given.

import { namesOf, wordsOf } from "./preview-words.js";

const $ = (id) => document.getElementById(id);
const fields = JSON.parse(document.body.dataset.fields);
const parts = JSON.parse(document.body.dataset.parts);
const style = JSON.parse(document.body.dataset.style);
const STAGE = 1920;
let language = navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en";
let sampling = 0;
let count = 6;

// --- the address ---

function query(extra = {}) {
  const changed = fields.filter(({ name, default: usual }) => String(style[name]) !== String(usual));
  return new URLSearchParams({ ...Object.fromEntries(changed.map(({ name }) => [name, style[name]])), ...extra }).toString();
}

function address(extra) {
  const root = new URL(".", location.href).href.replace(/\/$/, "");
  const asked = query(extra);
  return root + ($("part").value === "all" ? "" : `/${$("part").value}`) + (asked ? `?${asked}` : "");
}

function refresh() {
  $("url").value = address();
  $("frame").src = $("part").value === "voice" ? "about:blank" : address({ sample: 1 });
}

// --- the controls ---

function control(field) {
  const label = document.createElement("label");
  const words = document.createElement("span");
  const input = document.createElement(field.choices ? "select" : "input");
  input.id = `field-${field.name}`;
  label.append(words, input);
  if (field.choices) for (const choice of field.choices) input.append(new Option(namesOf(language)[choice] ?? choice, choice));
  else if (field.colour) input.type = "color";
  else if (field.most !== null) Object.assign(input, { type: "range", min: field.least, max: field.most });
  else if (field.longest) input.maxLength = field.longest;
  input.value = field.colour ? `#${full(style[field.name])}` : style[field.name];
  const name = (wordsOf(language).fields[field.name] ?? field.words).replace(/\.$/, "").replaceAll("`", "");
  const tell = () => (words.textContent = field.most === null ? name : `${name}: ${input.value}`);
  input.addEventListener("input", tell);
  input.addEventListener("change", () => {
    style[field.name] = field.colour ? input.value.slice(1) : input.value;
    refresh();
  });
  tell();
  return label;
}

const full = (colour) => (colour.length === 3 ? [...colour].map((digit) => digit + digit).join("") : colour);

function translate() {
  const words = wordsOf(language);
  document.documentElement.lang = language === "zh" ? "zh-Hans" : "en";
  for (const node of document.querySelectorAll("[data-words]")) node.textContent = words[node.dataset.words];
  $("language").textContent = words.other;
  const [part, ground] = [$("part").value || "all", $("ground").value || "street"];
  $("part").replaceChildren(...parts.map((each) => new Option(words.parts[each], each)));
  $("ground").replaceChildren(...["street", "checker", "dark", "light"].map((each) => new Option(words.grounds[each], each)));
  $("part").value = part;
  $("ground").value = ground;
  $("controls").replaceChildren(...fields.map(control));
}

// --- samples ---

function sample() {
  const tell = (message) => $("frame").contentWindow.postMessage(message, location.origin);
  const [kind, text] = wordsOf(language).samples[sampling % wordsOf(language).samples.length];
  const lang = language;
  sampling += 1;
  if (kind === "alert") tell({ type: "alert", text, lang });
  else {
    tell({ type: "said", kind, text, lang });
    tell({ type: "caption", text, ms: 3500, lang });
  }
  if (kind === "speak") tell({ type: "counters", counters: { [style.instruction || "i1"]: (count += 1) } });
}

function fit() {
  $("frame").style.transform = `scale(${$("stage").clientWidth / STAGE})`;
}

$("frame").addEventListener("load", () => setTimeout(sample, 200));
$("sample").addEventListener("click", sample);
$("part").addEventListener("change", refresh);
$("ground").addEventListener("change", () => ($("stage").dataset.ground = $("ground").value));
$("language").addEventListener("click", () => {
  language = language === "en" ? "zh" : "en";
  translate();
});
$("copy").addEventListener("click", async () => {
  $("url").select();
  await navigator.clipboard?.writeText($("url").value).catch(() => {});
  $("copy").textContent = wordsOf(language).copied;
  setTimeout(() => ($("copy").textContent = wordsOf(language).copy), 1500);
});
addEventListener("resize", fit);
setInterval(() => document.hidden || sample(), 2500);
translate();
fit();
refresh();
