// The chat box: lines both ways, statuses, standing wishes as chips, and ideas to start with.

import { onLanguage, words } from "./words.js";

const KEPT = 300;

export class Chat {
  #log;
  #wishes;
  #ideas;
  #form;
  #line;
  #send;
  #chips = new Map();

  /** `send(text)` gives a line to the bot and tells whether it went out. */
  constructor(root, send) {
    this.#log = root.querySelector("#log");
    this.#wishes = root.querySelector("#wishes");
    this.#ideas = root.querySelector("#ideas");
    this.#form = root.querySelector("#say");
    this.#line = root.querySelector("#line");
    this.#send = send;
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (this.#say(this.#line.value.trim())) this.#line.value = "";
    });
    onLanguage(() => this.#showIdeas());
  }

  open(isOpen) {
    for (const field of this.#form.elements) field.disabled = !isOpen;
    for (const idea of this.#ideas.children) idea.disabled = !isOpen;
  }

  clear() {
    this.#log.replaceChildren();
    this.#wishes.replaceChildren();
    this.#chips.clear();
    this.#ideas.hidden = false;
  }

  fromBot(text, kind) {
    this.#add("bot", text, kind);
  }

  status(text) {
    this.#add("status", text);
  }

  /** A standing wish was added, changed or cancelled. */
  wish({ id, state, text }) {
    this.#chips.get(id)?.remove();
    this.#chips.delete(id);
    if (state === "cancelled") return;
    const chip = document.createElement("li");
    const label = document.createElement("span");
    label.textContent = text;
    label.title = text;
    const stop = document.createElement("button");
    stop.type = "button";
    stop.textContent = "×";
    stop.setAttribute("aria-label", words().cancel + text);
    stop.addEventListener("click", () => this.#say(`@bot cancel ${id}`));
    chip.dataset.id = id;
    chip.append(label, stop);
    this.#chips.set(id, chip);
    this.#wishes.append(chip);
  }

  #say(text) {
    if (!text || !this.#send(text)) return false;
    this.#add("me", text);
    this.#ideas.hidden = true;
    return true;
  }

  #add(who, text, kind = "") {
    const following = this.#log.scrollTop + this.#log.clientHeight >= this.#log.scrollHeight - 40;
    const item = document.createElement("li");
    item.className = who;
    item.dataset.kind = kind;
    if (who !== "status") {
      const author = document.createElement("b");
      author.textContent = who === "me" ? words().you : words().bot;
      item.append(author);
    }
    const said = document.createElement("p");
    said.textContent = text;
    item.append(said);
    this.#log.append(item);
    while (this.#log.children.length > KEPT) this.#log.firstElementChild.remove();
    if (following) this.#log.scrollTop = this.#log.scrollHeight;
  }

  #showIdeas() {
    const closed = this.#line.disabled;
    const ideas = words().ideas.map((idea) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = idea;
      button.disabled = closed;
      button.addEventListener("click", () => this.#say(`@bot ${idea}`));
      return button;
    });
    this.#ideas.replaceChildren(...ideas);
  }
}
