// Lines that fly over the picture, each in a lane of its own. A line that finds no free lane is dropped.

const SPEED = 150; // pixels a second
const GAP = 48; // pixels between two lines of one lane
const LANE = 40; // pixels
const LONGEST = 90; // characters
const STILL = 4000; // milliseconds a line stays where motion is unwelcome

export class Danmaku {
  #stage;
  #freeAt = []; // for each lane, when its last line has come in completely
  #still = matchMedia("(prefers-reduced-motion: reduce)");

  constructor(stage) {
    this.#stage = stage;
  }

  /** Lets a line fly; false when there was no room for it. `kind` is its colour. */
  fly(text, kind) {
    const now = performance.now();
    const lane = this.#lane(now);
    if (lane < 0) return false;
    const line = document.createElement("span");
    line.className = "flying";
    line.dataset.kind = kind;
    line.textContent = text.length > LONGEST ? `${text.slice(0, LONGEST - 1)}…` : text;
    line.style.top = `${lane * LANE + 8}px`;
    this.#stage.append(line);
    const width = line.offsetWidth;
    this.#freeAt[lane] = now + (this.#still.matches ? STILL : ((width + GAP) / SPEED) * 1000);
    this.#move(line, width).finished.then(() => line.remove(), () => line.remove());
    return true;
  }

  clear() {
    this.#freeAt = [];
    this.#stage.replaceChildren();
  }

  #lane(now) {
    const lanes = Math.max(1, Math.min(6, Math.floor((this.#stage.clientHeight * 0.6) / LANE)));
    for (let lane = 0; lane < lanes; lane++) if ((this.#freeAt[lane] ?? 0) <= now) return lane;
    return -1;
  }

  #move(line, width) {
    if (this.#still.matches) {
      line.style.left = "16px";
      return line.animate([{ opacity: 0 }, { opacity: 1, offset: 0.1 }, { opacity: 1, offset: 0.9 }, { opacity: 0 }], STILL);
    }
    const across = this.#stage.clientWidth;
    const path = [{ transform: `translateX(${across}px)` }, { transform: `translateX(${-width}px)` }];
    return line.animate(path, ((across + width) / SPEED) * 1000);
  }
}
