// Lines that fly over the picture from right to left.

import { Lanes } from "./lanes.js";

const MOST = 60; // lines on the stage at once
const LONGEST = 300; // characters; what is wider than the stage allows is cut by its width

export class Danmaku {
  #stage;
  #style;
  #lanes = null;
  #laneHeight = 0;
  #offset = 0;

  constructor(stage, style) {
    this.#stage = stage;
    this.#style = style;
    stage.hidden = false;
    this.#measure();
    addEventListener("resize", () => this.#measure());
  }

  /** Lets a line fly; false where it was dropped. `kind` is its colour. */
  fly(text, kind, lang) {
    const now = performance.now();
    if (!this.#lanes.isFree(now) || this.#stage.childElementCount >= MOST || document.hidden) return false;
    const line = document.createElement("span");
    line.className = "flying";
    line.dataset.kind = kind;
    line.lang = lang;
    line.textContent = text.slice(0, LONGEST);
    this.#stage.append(line);
    const width = line.offsetWidth;
    const lane = this.#lanes.take(now, width);
    line.style.top = `${this.#offset + lane * this.#laneHeight}px`;
    const across = this.#stage.clientWidth;
    const path = [{ transform: `translateX(${across}px)` }, { transform: `translateX(${-width}px)` }];
    const flight = line.animate(path, { duration: ((across + width) / this.#style.speed) * 1000, fill: "both" });
    flight.finished.then(() => line.remove(), () => line.remove());
    return true;
  }

  /** The stage's size decides how many lanes there are. What flies over the old one is taken away. */
  #measure() {
    const { size, speed, density, position } = this.#style;
    const height = this.#stage.clientHeight;
    this.#laneHeight = Math.ceil(size * 1.4);
    const count = Math.max(1, Math.floor((height * density) / 100 / this.#laneHeight));
    const left = Math.max(0, height - count * this.#laneHeight);
    this.#offset = { top: 0, middle: left / 2, bottom: left }[position];
    this.#lanes = new Lanes(count, speed, size * 1.5);
    this.#stage.replaceChildren();
  }
}
