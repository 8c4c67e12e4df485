// The newest number that the bot said for an instruction that counts.

export class Counter {
  #node;
  #number;
  #instruction;

  constructor(node, style) {
    this.#node = node;
    this.#number = node.querySelector("b");
    this.#instruction = style.instruction;
    node.dataset.corner = style.corner;
    node.querySelector("span").textContent = style.label;
    node.addEventListener("animationend", () => node.classList.remove("bump"));
  }

  /** `counters`: numbers by instruction, the one that changed last at the end. */
  show(counters) {
    const number = this.#instruction ? counters[this.#instruction] : Object.values(counters).at(-1);
    this.#node.hidden = number === undefined;
    if (number === undefined || this.#number.textContent === String(number)) return;
    if (this.#number.textContent) this.#node.classList.add("bump");
    this.#number.textContent = String(number);
  }
}
