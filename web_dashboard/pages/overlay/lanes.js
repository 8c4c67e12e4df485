// Which lane a flying line takes. All lines of a stage are equally fast, so two of one lane never meet once the first has
// come in completely, with a gap behind it. A line that finds no free lane is dropped: nothing waits, nothing overlaps.

export class Lanes {
  #freeAt;
  #speed;
  #gap;

  /** `count` lanes; `speed` in pixels a second; `gap` in pixels between two lines of a lane. */
  constructor(count, speed, gap) {
    this.#freeAt = new Array(Math.max(1, Math.floor(count))).fill(-Infinity);
    this.#speed = speed;
    this.#gap = gap;
  }

  /** The lane for a line `width` pixels wide that starts at `now` (milliseconds), or -1 where none is free. */
  take(now, width) {
    const lane = this.#freeAt.findIndex((free) => free <= now);
    if (lane >= 0) this.#freeAt[lane] = now + ((width + this.#gap) / this.#speed) * 1000;
    return lane;
  }

  /** Whether any lane is free. */
  isFree(now) {
    return this.#freeAt.some((free) => free <= now);
  }
}
