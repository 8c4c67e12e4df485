// What the bot says, as one caption: each replaces the one before, and goes when there was time to read it.

export class Captions {
  #node;
  #timer = 0;

  constructor(node, style) {
    this.#node = node;
    node.dataset.at = style.captions;
  }

  /** Shows a text for `ms` milliseconds. */
  show(text, ms, lang) {
    clearTimeout(this.#timer);
    this.#node.textContent = text;
    this.#node.lang = lang;
    this.#node.hidden = !text;
    this.#timer = setTimeout(() => (this.#node.hidden = true), ms);
  }
}
