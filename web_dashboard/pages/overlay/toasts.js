// Alerts, one at a time. A few wait; where more come, the newest are kept.

const WAITING = 4;
const BETWEEN = 400; // milliseconds without a toast between two

export class Toasts {
  #node;
  #hold;
  #waiting = [];
  #busy = false;

  constructor(node, style) {
    this.#node = node;
    this.#hold = style.hold * 1000;
    node.dataset.corner = style.toast;
  }

  show(text, lang) {
    this.#waiting.push({ text, lang });
    if (this.#waiting.length > WAITING) this.#waiting.shift();
    if (!this.#busy) this.#next();
  }

  #next() {
    const toast = this.#waiting.shift();
    this.#busy = Boolean(toast);
    if (!toast) return;
    this.#node.textContent = toast.text;
    this.#node.lang = toast.lang;
    this.#node.hidden = false;
    setTimeout(() => {
      this.#node.hidden = true;
      setTimeout(() => this.#next(), BETWEEN);
    }, this.#hold);
  }
}
