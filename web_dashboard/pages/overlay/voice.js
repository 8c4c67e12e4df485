// The bot's voice. OBS lets a page play at once; other browsers want a click first.

import { Stream } from "./stream.js";
import { wearStyle } from "./style.js";

const $ = (id) => document.getElementById(id);
const SOUND = 2; // the first byte of a stretch of sound
const HEAD = 5; // bytes before its samples: what it is, and samples a second
const RATES = [8_000, 96_000];

const style = wearStyle();
const chinese = document.documentElement.lang.startsWith("zh");
$("play").textContent = chinese ? "点击以播放机器人的声音" : "Click to hear the bot";

let voice = null; // the context, gain and player of one sample rate
let making = Promise.resolve();

/** A player for a sample rate: the browser itself converts to that of the device. */
async function voiceOf(rate) {
  if (voice?.rate === rate) return voice;
  await voice?.context.close();
  voice = null;
  const context = new AudioContext({ sampleRate: rate, latencyHint: "interactive" });
  await context.audioWorklet.addModule(new URL("player.js", import.meta.url));
  const player = new AudioWorkletNode(context, "player", { numberOfInputs: 0, outputChannelCount: [1] });
  const gain = new GainNode(context, { gain: style.volume / 100 });
  player.connect(gain).connect(context.destination);
  context.addEventListener("statechange", () => showHint(context));
  voice = { rate, context, player, gain };
  window.joyvl = voice; // for whoever wants to measure what is played
  await unlock();
  return voice;
}

const showHint = (context) => ($("hint").hidden = context.state !== "suspended");

async function unlock() {
  if (!voice) return;
  // Where playing is not allowed yet, `resume` waits for ever: the hint then asks for a click.
  voice.context.resume().catch(() => {});
  await new Promise((done) => setTimeout(done, 50));
  showHint(voice.context);
}

/** Stretches are handed on in their order, also while a player is being made. */
function take(buffer) {
  making = making.then(() => play(buffer)).catch((error) => console.warn("sound was not played:", error));
}

async function play(buffer) {
  const view = new DataView(buffer);
  if (buffer.byteLength < HEAD || view.getUint8(0) !== SOUND) return;
  const rate = view.getUint32(1, true);
  if (rate < RATES[0] || rate > RATES[1]) return;
  const count = Math.floor((buffer.byteLength - HEAD) / 2);
  if (!count) return voice?.player.port.postMessage(null);
  const { context, player } = await voiceOf(rate);
  if (context.state !== "running") return; // it would all be heard at once, and late
  // The header's length is odd, which a view of 16-bit samples can't begin at.
  const samples = new Int16Array(buffer.slice(HEAD, HEAD + count * 2));
  player.port.postMessage(samples, [samples.buffer]);
}

$("play").addEventListener("click", unlock);
const line = new Stream(document.body.dataset.stream);
line.addEventListener("sound", (event) => take(event.detail));
line.addEventListener("message", (event) => event.detail.running === false && voice?.player.port.postMessage(null));
line.addEventListener("line", (event) => (document.body.dataset.line = event.detail ? "up" : "down"));
making = voiceOf(24_000).then(() => {}, () => {});
line.start();
