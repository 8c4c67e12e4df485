// The decision timeline: one cell a tick, and the chosen tick in words.

import { onLanguage, words } from "./words.js";

const KEPT = 600;

export class Timeline {
  #strip;
  #detail;
  #totals;
  #ticks = new Map(); // cell → tick
  #chosen = null; // the cell a person picked; null follows the newest
  #count = { ticks: 0, spoken: 0, tokens: 0 };

  constructor(strip, detail, totals) {
    this.#strip = strip;
    this.#detail = detail;
    this.#totals = totals;
    strip.addEventListener("click", (event) => this.#choose(event.target.closest(".cell")));
    strip.addEventListener("pointerover", (event) => event.pointerType === "mouse" && this.#describe(event.target.closest(".cell")));
    strip.addEventListener("pointerleave", () => this.#describe(this.#chosen));
    strip.addEventListener("keydown", (event) => this.#key(event));
    onLanguage(() => this.#refresh());
  }

  add(tick) {
    const cell = document.createElement("span");
    cell.className = "cell";
    cell.id = `tick-${tick.n}`;
    cell.role = "option";
    cell.dataset.kind = kindOf(tick);
    cell.dataset.frame = tick.frame ?? "none";
    if ((tick.triggers ?? []).some((trigger) => trigger !== "interval" && trigger !== "start")) cell.dataset.event = "";
    cell.append(document.createElement("i"));
    const following = this.#strip.scrollLeft + this.#strip.clientWidth >= this.#strip.scrollWidth - 24;
    this.#ticks.set(cell, tick);
    this.#strip.append(cell);
    if (this.#ticks.size > KEPT) this.#drop(this.#strip.firstElementChild);
    this.#count.ticks += 1;
    this.#count.spoken += tick.action === "speak" ? 1 : 0;
    this.#count.tokens += tick.tokens ?? 0;
    if (following && !this.#chosen) this.#strip.scrollLeft = this.#strip.scrollWidth;
    this.#refresh();
  }

  clear() {
    this.#ticks.clear();
    this.#strip.replaceChildren();
    this.#chosen = null;
    this.#count = { ticks: 0, spoken: 0, tokens: 0 };
    this.#refresh();
  }

  #drop(cell) {
    this.#ticks.delete(cell);
    if (this.#chosen === cell) this.#choose(null);
    cell.remove();
  }

  #refresh() {
    const { ticks, spoken, tokens } = this.#count;
    this.#totals.textContent = ticks ? words().totals(ticks, spoken, tokens.toLocaleString()) : "";
    this.#describe(this.#chosen);
  }

  #choose(cell) {
    if (cell === this.#chosen) cell = null;
    this.#chosen?.removeAttribute("aria-selected");
    this.#chosen = cell;
    this.#detail.setAttribute("aria-live", cell ? "polite" : "off");
    if (cell) {
      cell.setAttribute("aria-selected", "true");
      cell.setAttribute("aria-label", inWords(this.#ticks.get(cell)).map(([, text]) => text).join(", "));
      this.#strip.setAttribute("aria-activedescendant", cell.id);
      cell.scrollIntoView({ block: "nearest", inline: "nearest" });
    } else {
      this.#strip.removeAttribute("aria-activedescendant");
      this.#strip.scrollLeft = this.#strip.scrollWidth;
    }
    this.#describe(cell);
  }

  #key(event) {
    const last = this.#strip.lastElementChild;
    const from = this.#chosen ?? last;
    const to = {
      ArrowLeft: this.#chosen ? from?.previousElementSibling : last,
      ArrowRight: from?.nextElementSibling,
      Home: this.#strip.firstElementChild,
      End: last,
    }[event.key];
    if (event.key === "Escape") this.#choose(null);
    else if (to && to !== this.#chosen) this.#choose(to);
    else return;
    event.preventDefault();
  }

  #describe(cell) {
    const tick = this.#ticks.get(cell ?? this.#strip.lastElementChild);
    if (!tick) {
      this.#detail.textContent = words().waiting;
      return;
    }
    this.#detail.dataset.kind = kindOf(tick);
    const parts = inWords(tick).map(([name, text]) => {
      const part = document.createElement("span");
      part.className = name;
      part.textContent = text;
      return part;
    });
    this.#detail.replaceChildren(...parts);
  }
}

/** What a tick looks like: silence, speak, delegate or gated. */
export const kindOf = (tick) => (tick.gate ? "gated" : tick.action);

function inWords(tick) {
  const said = words();
  const parts = [["when", said.at(Number(tick.t).toFixed(1))]];
  parts.push(["trigger", (tick.triggers ?? []).map((name) => said.triggers[name] ?? name).join(" + ")]);
  const text = tick.text || tick.note;
  parts.push(["what", text || said.stays_silent]);
  if (tick.question) parts.push(["why", `${said.asks} ${tick.question}`]);
  if (tick.gate) parts.push(["gate", said.gate(said.gates[tick.gate] ?? tick.gate)]);
  if (tick.why) parts.push(["why", tick.why]);
  if (tick.latency_ms != null) parts.push(["cost", said.took(Math.round(tick.latency_ms))]);
  if (tick.frame && tick.frame !== "none") parts.push(["cost", tick.frame === "skip" ? "skip" : `${tick.frame} · ${said.tokens(tick.tokens ?? 0)}`]);
  return parts;
}
