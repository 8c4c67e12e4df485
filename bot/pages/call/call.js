// One call with the bot: a peer connection with two video slots, a microphone, the bot's voice and a data channel.

const GATHERING = 1500; // milliseconds to wait for the browser's addresses
const CONNECTING = 15000;
const ASKING = 2000; // milliseconds between two questions whether the bot is still there

const REFUSED = new Set(["busy", "gone", "locked", "no_answer"]); // why a server takes no call, as the words know it

/** Something that ends a call or keeps it from starting. `reason` is a key of the page's words. */
export class CallError extends Error {
  constructor(reason) {
    super(reason);
    this.reason = reason;
  }
}

/**
 * Events: `open`, `message` (detail: the bot's message), `voice` (detail: a MediaStream), `steady` (detail: whether
 * the connection stands or is being sought again), `over` (detail: a reason).
 */
export class Call extends EventTarget {
  #peer = null;
  #channel = null;
  #id = null;
  #over = false;
  #slots = []; // the two video transceivers: the first for camera or scene, the second for a screen
  #audio = null;
  #sources = [null, null];
  #timer = 0;

  /** Calls the bot, sending `sources`: for each slot null or `{ kind, track }`. */
  async start(sources, microphone) {
    const config = await answerOf(fetch("api/call/config"));
    this.#peer = new RTCPeerConnection({ iceServers: config.ice_servers.map(withoutBlanks) });
    this.#peer.addEventListener("connectionstatechange", () => this.#onState());
    this.#peer.addEventListener("track", (event) => this.#emit("voice", new MediaStream([event.track])));
    this.#channel = this.#peer.createDataChannel("joyvl");
    this.#channel.addEventListener("open", () => this.#emit("open"));
    this.#channel.addEventListener("message", (event) => this.#onMessage(event.data));
    this.#channel.addEventListener("close", () => this.#finish("left"));
    this.#slots = sources.map((source) => this.#peer.addTransceiver(source?.track ?? "video", { direction: "sendonly" }));
    this.#audio = this.#peer.addTransceiver(microphone ?? "audio", { direction: "sendrecv" });
    this.#sources = sources.map((source) => source?.kind ?? null);
    await this.#peer.setLocalDescription();
    await this.#gathered();
    await this.#offer();
    this.#timer = setTimeout(() => this.#peer.connectionState !== "connected" && this.#finish("no_path"), CONNECTING);
  }

  /** Sends `source` on slot 0 or 1 from now on; null sends nothing. */
  async show(slot, source) {
    this.#sources[slot] = source?.kind ?? null;
    const transceiver = this.#slots[slot];
    await transceiver.sender.replaceTrack(source?.track ?? null);
    this.#send({ type: "source", slot: transceiver.mid, source: this.#sources[slot] });
  }

  async speak(track) {
    await this.#audio.sender.replaceTrack(track);
  }

  /** Sends a line of chat; false when the channel is not open. */
  say(text) {
    return this.#send({ type: "chat", text });
  }

  hangUp() {
    this.#send({ type: "bye" });
    this.#finish("hung_up");
  }

  /** The page goes away: no time for more than one request. */
  abandon() {
    // Not a beacon: this page tells nobody where it comes from, so a beacon's origin would be unknown, and refused.
    if (this.#id) fetch(`api/call/${this.#id}/hangup`, { method: "POST", keepalive: true }).catch(() => {});
  }

  async #offer() {
    const sources = {};
    this.#slots.forEach((slot, index) => this.#sources[index] && (sources[slot.mid] = this.#sources[index]));
    const body = JSON.stringify({ sdp: this.#peer.localDescription.sdp, sources });
    const request = { method: "POST", headers: { "content-type": "application/json" }, body };
    const answer = await answerOf(fetch("api/call/offer", request));
    this.#id = answer.call;
    if (this.#over) return this.abandon(); // somebody hung up meanwhile
    await this.#peer.setRemoteDescription({ type: "answer", sdp: answer.sdp });
  }

  #gathered() {
    const peer = this.#peer;
    return new Promise((resolve) => {
      const done = () => peer.iceGatheringState === "complete" && resolve();
      peer.addEventListener("icegatheringstatechange", done);
      setTimeout(resolve, GATHERING);
      done();
    });
  }

  #onState() {
    const state = this.#peer.connectionState;
    if (state === "disconnected") this.#ask();
    if (this.#channel.readyState === "open") this.#emit("steady", state === "connected");
    if (state === "failed") this.#finish(this.#channel.readyState === "open" ? "lost" : "no_path");
    if (state === "closed") this.#finish("left");
  }

  /** While nothing comes, the server is asked whether the bot is still in the call: the network finds out later. */
  async #ask() {
    while (this.#id && !this.#over && this.#peer.connectionState === "disconnected") {
      const answer = await fetch(`api/call/${this.#id}`).catch(() => null);
      if (answer?.status === 404 && !this.#over) return this.#finish("lost");
      await new Promise((resolve) => setTimeout(resolve, ASKING));
    }
  }

  #onMessage(data) {
    let message;
    try {
      message = JSON.parse(data);
    } catch {
      return; // not one of the bot's messages
    }
    if (message && typeof message === "object") this.#emit("message", message);
  }

  #send(message) {
    if (this.#channel?.readyState !== "open") return false;
    this.#channel.send(JSON.stringify(message));
    return true;
  }

  #finish(reason) {
    if (this.#over) return;
    if (reason !== "left") this.abandon(); // a bot that lost the line waits for nobody
    this.#over = true;
    clearTimeout(this.#timer);
    // The last message leaves before the connection closes.
    setTimeout(() => this.#peer?.close(), 100);
    this.#emit("over", reason);
  }

  #emit(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}

async function answerOf(request) {
  let response;
  try {
    response = await request;
  } catch {
    throw new CallError("no_bot");
  }
  if (response.ok) return response.json();
  const { kind } = await response.json().catch(() => ({}));
  if (REFUSED.has(kind)) throw new CallError(kind);
  throw new CallError(response.status === 421 || response.status === 403 ? "refused" : response.status >= 500 ? "no_bot" : "bad_offer");
}

function withoutBlanks(server) {
  return Object.fromEntries(Object.entries(server).filter(([, value]) => value));
}
