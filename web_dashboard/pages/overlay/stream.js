// The line to the server: it is sought again for ever, later and later, never by all overlays at the same moment.

const FIRST = 500; // milliseconds until the first new try
const LONGEST = 15_000;
const REFUSED = 60_000; // the link works no more: it may be a mistake that is put right
const SILENCE = 25_000; // longer than two beats of the server
const GONE = 4404;

/** Milliseconds until the `tries`th new try. `chance` is in 0..1. */
export const pause = (tries, chance) => Math.min(LONGEST, FIRST * 2 ** Math.min(tries, 10)) * (0.5 + chance / 2);

/** Events: `message` (detail: an object), `sound` (detail: an ArrayBuffer), `line` (detail: whether it stands). */
export class Stream extends EventTarget {
  #url;
  #socket = null;
  #tries = 0;
  #watch = 0;

  constructor(path) {
    super();
    this.#url = new URL(path, location.href);
    this.#url.protocol = this.#url.protocol.replace("http", "ws");
    this.#url.search = "";
    addEventListener("online", () => this.#socket?.readyState === WebSocket.CLOSED && this.#connect());
  }

  start() {
    this.#connect();
    return this;
  }

  #connect() {
    clearTimeout(this.#watch);
    const socket = (this.#socket = new WebSocket(this.#url));
    socket.binaryType = "arraybuffer";
    const mine = (handle) => (event) => socket === this.#socket && handle(event);
    socket.addEventListener("open", mine(() => this.#emit("line", true)));
    socket.addEventListener("message", mine((event) => this.#take(event.data)));
    socket.addEventListener("close", mine((event) => this.#again(event.code)));
    this.#listen();
  }

  #take(data) {
    this.#tries = 0; // a server that answers and hangs up at once is not a line that stands
    this.#listen();
    if (data instanceof ArrayBuffer) return this.#emit("sound", data);
    let message;
    try {
      message = JSON.parse(data);
    } catch {
      return; // not one of the server's messages
    }
    if (message && typeof message === "object" && message.type !== "beat") this.#emit("message", message);
  }

  /** A line that says nothing for too long is dead, whatever the browser thinks. */
  #listen() {
    clearTimeout(this.#watch);
    this.#watch = setTimeout(() => {
      this.#socket.close();
      this.#again(0);
    }, SILENCE);
  }

  #again(code) {
    clearTimeout(this.#watch);
    this.#socket = null;
    this.#emit("line", false);
    const wait = code === GONE ? REFUSED : pause(this.#tries++, Math.random());
    this.#watch = setTimeout(() => this.#connect(), wait);
  }

  #emit(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}
