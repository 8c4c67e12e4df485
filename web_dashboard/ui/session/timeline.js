// The decision timeline: one cell a second on a canvas that draws only the rows in sight. It fetches what is past by
// itself; what happens now is appended by the server.

const LABEL = 52; // pixels for the clock beside a row
const ROW = 18;
const ZOOMS = [20, 30, 60, 120, 300];
const RANK = { delegate: 4, speak: 3, gated: 2, silence: 1 };
const LATE = 1000; // milliseconds
const TWICE = 2.2; // seconds between two ticks in which none was missed
const AWAY = 90; // seconds without a tick after which nobody was there
const KEPT = 90000; // ticks

export default {
  template: `
    <div class="js-timeline">
      <div class="js-tl-head">
        <div class="js-tl-key" aria-hidden="true">
          <span v-for="kind in ['silence','speak','delegate','gated','skipped','late']" :key="kind"><i :class="'js-k-' + kind"></i>{{ w['kind.' + kind] }}</span>
        </div>
        <div class="js-tl-tools">
          <button type="button" :aria-label="w.zoom_out" :title="w.zoom_out" @click="zoom(1)">−</button>
          <button type="button" :aria-label="w.zoom_in" :title="w.zoom_in" @click="zoom(-1)">+</button>
        </div>
      </div>
      <div class="js-tl-view" ref="view" tabindex="0" role="application" :aria-label="w.label" aria-describedby="js-tl-help"
        @scroll.passive="scrolled" @keydown="key" @focus="focused" @blur="tip = null"
        @pointermove="moved" @pointerleave="left" @click="clicked">
        <div :style="{ height: height + 'px' }"></div>
        <canvas ref="canvas" aria-hidden="true"></canvas>
        <div class="js-tl-none" v-if="loaded && !known">{{ w.none }}</div>
      </div>
      <div class="js-tip" v-if="tip" :style="{ left: tip.x + 'px', top: tip.y + 'px' }" :class="{ 'js-tip-up': tip.up }" role="tooltip">
        <div v-for="(line, i) in tip.lines" :key="i" :class="line[0]">{{ line[1] }}</div>
      </div>
      <div class="jv-sr" aria-live="polite">{{ said }}</div>
      <div class="jv-sr" id="js-tl-help">{{ w.help }}</div>
      <details class="js-twin" @toggle="twin = $event.target.open; if (twin) list()">
        <summary>{{ w.twin }}</summary>
        <div class="js-twin-scroll" v-if="twin">
          <table class="jv-table"><thead><tr><th>{{ w.col_t }}</th><th>{{ w.col_what }}</th><th>{{ w.col_why }}</th></tr></thead>
            <tbody><tr v-for="row in rows" :key="row.key">
              <td class="jv-num"><button type="button" class="jv-link" @click="$emit('open', { t: row.t, cells: row.cells })">{{ row.at }}</button></td>
              <td>{{ row.what }}</td><td>{{ row.why }}</td></tr></tbody></table>
          <div class="jv-soft js-pad" v-if="!rows.length">{{ w.none }}</div>
        </div>
      </details>
    </div>`,
  props: { url: String, w: Object, live: Boolean, began: Number, marks: Array },
  watch: { marks() { this.judged(); } },
  emits: ["open", "shown", "rank"],
  data: () => ({ height: 0, tip: null, said: "", twin: false, rows: [], loaded: false, known: 0 }),
  created() {
    // Not reactive: thousands of cells.
    this.ticks = new Map();
    this.seconds = new Map();
    this.verdicts = new Map();
    this.first = Infinity;
    this.last = 0;
    this.chosen = null;
    this.now = null;
    this.follow = true;
    this.per = 60;
  },
  mounted() {
    this.observer = new ResizeObserver(() => this.resize());
    this.observer.observe(this.$refs.view);
    this.look = matchMedia("(prefers-color-scheme: dark)");
    this.onLook = () => this.draw();
    this.look.addEventListener("change", this.onLook);
    this.onVisible = async () => {
      if (!document.hidden) await this.catchUp();
      this.$emit("shown", !document.hidden);
    };
    document.addEventListener("visibilitychange", this.onVisible);
    this.onTime = (event) => { this.now = event.detail.t; this.follow = false; this.reveal(this.now, "quiet"); this.draw(); };
    document.addEventListener("js-time", this.onTime);
    this.per = this.$refs.view.clientWidth < 460 ? 30 : 60;
    this.judged();
    this.backlog();
  },
  unmounted() {
    this.gone = true;
    this.observer.disconnect();
    this.look.removeEventListener("change", this.onLook);
    document.removeEventListener("visibilitychange", this.onVisible);
    document.removeEventListener("js-time", this.onTime);
  },
  methods: {
    // --- what is known ---
    async ask(query) {
      const answer = await fetch(`${window.path_prefix ?? ""}${this.url}/cells?limit=2000${query}`);
      if (!answer.ok) throw new Error(String(answer.status));
      return answer.json();
    },
    async backlog() {
      try {
        let page = await this.ask("");
        this.take(page.cells ?? []);
        this.loaded = true;
        while (page.before && !this.gone && this.ticks.size < KEPT) {
          page = await this.ask(`&before=${page.before}`);
          this.take(page.cells ?? []);
        }
      } catch { /* What comes is shown; a reload tries again. */ }
      this.loaded = true;
    },
    // After a while in which nothing was sent, because nobody looked.
    async catchUp() {
      try {
        const since = Math.max(0, this.last - 2);
        let page = await this.ask(`&since=${since}`);
        this.take(page.cells ?? []);
        while (page.before && !this.gone) {
          page = await this.ask(`&since=${since}&before=${page.before}`);
          this.take(page.cells ?? []);
        }
      } catch { /* The next look asks again. */ }
    },
    take(cells) {
      for (const short of cells) {
        const cell = { epoch: 1, kind: "silence", why: [], ms: 0, frame: "none", tokens: 0, ...short };
        const key = `${cell.epoch}:${cell.n}`;
        if (this.ticks.has(key)) continue;
        this.ticks.set(key, cell);
        const second = Math.floor(cell.t);
        const there = this.seconds.get(second);
        if (there) { there.push(cell); there.sort((a, b) => a.epoch - b.epoch || a.n - b.n); } else this.seconds.set(second, [cell]);
        this.first = Math.min(this.first, second);
        this.last = Math.max(this.last, second);
      }
      while (this.ticks.size > KEPT) {
        const [key, cell] = this.ticks.entries().next().value;
        this.ticks.delete(key);
        this.seconds.delete(Math.floor(cell.t));
      }
      this.known = this.ticks.size;
      this.layout();
      if (this.twin) this.list();
    },
    append(cells) { this.take(cells); },
    judged() {
      this.verdicts = new Map((this.marks ?? []).map((mark) => [Math.floor(mark.t), mark.verdict]));
      this.draw();
    },
    forget(since, until) {
      for (const [key, cell] of this.ticks) if (cell.t >= since && cell.t <= until) Object.assign(cell, { text: "", question: "", raw: "" });
      this.draw();
    },
    top(cells) { return cells.reduce((best, cell) => (RANK[cell.kind] > RANK[best.kind] ? cell : best)); },
    kind(second) {
      const cells = this.seconds.get(second);
      if (cells) return this.top(cells).kind;
      if (second < this.first || second > this.last) return "";
      let before = second - 1, after = second + 1;
      while (before >= this.first && second - before < AWAY && !this.seconds.has(before)) before--;
      while (after <= this.last && after - second < AWAY && !this.seconds.has(after)) after++;
      const from = this.seconds.get(before)?.at(-1), to = this.seconds.get(after)?.[0];
      if (!from || !to || to.t - from.t > AWAY || from.epoch !== to.epoch) return "";
      return to.t - from.t < TWICE ? "silence" : "skipped";
    },
    late(second) { return (this.seconds.get(second) ?? []).some((cell) => cell.ms > LATE); },
    // --- where it is ---
    start() { return Number.isFinite(this.first) ? Math.floor(this.first / this.per) * this.per : 0; },
    layout() {
      const rows = Math.max(1, Math.ceil((this.last + 1 - this.start()) / this.per));
      const height = rows * ROW + 8;
      const changed = height !== this.height;
      this.height = height;
      if (this.follow) this.$nextTick(() => { const view = this.$refs.view; if (view) { view.scrollTop = view.scrollHeight; this.draw(); } });
      if (!changed || !this.follow) this.draw();
    },
    resize() {
      const { canvas, view } = this.$refs;
      if (!view) return;
      const scale = devicePixelRatio || 1;
      canvas.width = Math.max(1, Math.round(view.clientWidth * scale));
      canvas.height = Math.max(1, Math.round(view.clientHeight * scale));
      canvas.style.width = `${view.clientWidth}px`;
      canvas.style.height = `${view.clientHeight}px`;
      if (this.follow) view.scrollTop = view.scrollHeight;
      this.draw();
    },
    box(second) {
      const offset = second - this.start();
      const wide = (this.$refs.view.clientWidth - LABEL - 10) / this.per;
      return { x: LABEL + (offset % this.per) * wide, y: Math.floor(offset / this.per) * ROW + 4, wide };
    },
    second(event) {
      const view = this.$refs.view, frame = view.getBoundingClientRect();
      const wide = (view.clientWidth - LABEL - 10) / this.per;
      const column = Math.floor((event.clientX - frame.left - LABEL) / wide);
      const row = Math.floor((event.clientY - frame.top + view.scrollTop - 4) / ROW);
      if (column < 0 || column >= this.per || row < 0) return null;
      const second = this.start() + row * this.per + column;
      return second >= this.first && second <= this.last ? second : null;
    },
    zoom(step) {
      const at = ZOOMS.indexOf(this.per) + step;
      if (at < 0 || at >= ZOOMS.length) return;
      this.per = ZOOMS[at];
      this.tip = null;
      this.layout();
      this.reveal(this.chosen ?? this.now ?? this.last, "quiet");
    },
    scrolled() {
      const view = this.$refs.view;
      this.follow = this.now === null && view.scrollTop + view.clientHeight >= view.scrollHeight - ROW;
      this.draw();
    },
    reveal(second) {
      const view = this.$refs.view, { y } = this.box(Math.floor(second));
      if (y < view.scrollTop) view.scrollTop = y - 4;
      else if (y + ROW > view.scrollTop + view.clientHeight) view.scrollTop = y + ROW - view.clientHeight + 4;
    },
    // --- how it looks ---
    draw() {
      if (this.waiting) return;
      this.waiting = requestAnimationFrame(() => { this.waiting = 0; if (!this.gone) this.paint(); });
    },
    paint() {
      const { canvas, view } = this.$refs;
      const scale = devicePixelRatio || 1, pen = canvas.getContext("2d"), style = getComputedStyle(view);
      const of = (name) => style.getPropertyValue(name).trim();
      const colour = { silence: of("--js-silence"), speak: of("--js-speak"), delegate: of("--js-delegate"), gated: of("--js-gated"), skipped: of("--js-skipped"), late: of("--bad"), ink: of("--ink"), soft: of("--soft"), accent: of("--accent") };
      pen.setTransform(scale, 0, 0, scale, 0, 0);
      pen.clearRect(0, 0, view.clientWidth, view.clientHeight);
      if (!this.known) return;
      const from = Math.max(0, Math.floor((view.scrollTop - 4) / ROW)), many = Math.ceil(view.clientHeight / ROW) + 1;
      pen.font = "11px ui-sans-serif, system-ui, sans-serif";
      pen.textBaseline = "middle";
      for (let row = from; row < from + many; row++) {
        const begin = this.start() + row * this.per;
        if (begin > this.last) break;
        const y = row * ROW + 4 - view.scrollTop;
        pen.fillStyle = colour.soft;
        pen.textAlign = "right";
        pen.fillText(clock(begin), LABEL - 8, y + 7);
        for (let second = begin; second < begin + this.per && second <= this.last; second++) this.cell(pen, second, y, colour);
      }
    },
    cell(pen, second, y, colour) {
      const kind = this.kind(second), { x, wide } = this.box(second);
      const w = Math.max(1, wide - (wide > 4 ? 1.5 : 0.5)), h = 14;
      if (kind === "silence") { pen.fillStyle = colour.silence; pen.fillRect(x, y + 5, w, 4); }
      else if (kind === "skipped") { pen.fillStyle = colour.skipped; for (let each = 0; each < 3; each++) pen.fillRect(x, y + 1 + each * 5, w, 2); }
      else if (kind === "gated") { pen.strokeStyle = colour.gated; pen.lineWidth = 1.5; pen.strokeRect(x + 0.75, y + 1.75, Math.max(1, w - 1.5), h - 3.5); }
      else if (kind) {
        pen.fillStyle = colour[kind];
        pen.beginPath();
        pen.roundRect(x, y, w, h, Math.min(3, w / 3));
        pen.fill();
        // Not by colour alone: a delegation is cut at its corner.
        if (kind === "delegate" && w > 3) { pen.globalCompositeOperation = "destination-out"; pen.beginPath(); pen.moveTo(x + w, y); pen.lineTo(x + w, y + 6); pen.lineTo(x + w - 6, y); pen.fill(); pen.globalCompositeOperation = "source-over"; }
      }
      if (this.late(second)) { pen.fillStyle = colour.late; pen.fillRect(x, y + h - 1, w, 2.5); }
      const mark = this.verdicts.get(second);
      if (mark) { pen.fillStyle = mark === "right" ? colour.speak : colour.late; pen.beginPath(); pen.arc(x + w / 2, y + 1, Math.min(3, w / 2 + 0.6), 0, 7); pen.fill(); }
      if (second === this.chosen || (this.now !== null && second === Math.floor(this.now))) {
        pen.strokeStyle = second === this.chosen ? colour.ink : colour.accent;
        pen.lineWidth = 2;
        pen.strokeRect(x - 1, y - 1, w + 2, h + 2);
      }
    },
    // --- why ---
    words(second) {
      const w = this.w, cells = this.seconds.get(second);
      const lines = [["js-tip-t", `${clock(second, true)}${this.began ? " · " + new Date((this.began + second) * 1000).toLocaleTimeString(document.documentElement.lang || undefined) : ""}`]];
      const mark = this.verdicts.get(second);
      if (mark) lines.push(["js-tip-mark", w["mark." + mark]]);
      if (!cells) return [...lines, ["", w["tip." + (this.kind(second) || "away")] ?? w["tip.quiet"]]];
      for (const cell of cells.slice(0, 4)) {
        lines.push([`js-tip-kind js-t-${cell.kind}`, w["kind." + cell.kind] + (cell.gate ? ` (${w["gate." + cell.gate] ?? cell.gate})` : "")]);
        if (cell.text) lines.push(["js-tip-text", cut(cell.text, 220)]);
        if (cell.question) lines.push(["js-tip-text", `→ ${cut(cell.question, 220)}`]);
        const why = cell.why.map((each) => w["trigger." + each] ?? each).join(" + ") || w["trigger.interval"];
        const parts = [why, `${cell.ms} ms`];
        if (cell.p != null) parts.push(`P(${w.silent}) ${cell.p.toFixed(2)}`);
        if (cell.instruction) parts.push(cell.instruction);
        if (cell.reply_to) parts.push(`↩ ${cell.reply_to}`);
        if (cell.frame !== "none") parts.push(`${w["frame." + cell.frame]}${cell.tokens ? ` · ${cell.tokens} ${w.tokens}` : ""}`);
        lines.push(["js-tip-why", parts.join(" · ")]);
        if (cell.raw && cell.raw !== cell.text) lines.push(["js-tip-raw", cut(cell.raw, 160)]);
      }
      if (cells.length > 4) lines.push(["", `+ ${cells.length - 4}`]);
      return lines;
    },
    show(second, spoken) {
      const view = this.$refs.view, { x, y } = this.box(second), top = y - view.scrollTop;
      const host = this.$el.getBoundingClientRect(), frame = view.getBoundingClientRect();
      const wide = Math.min(340, host.width - 8);
      const up = frame.top + top > innerHeight * 0.55;
      this.tip = {
        x: Math.max(4, Math.min(x - 20, host.width - wide - 4)),
        y: frame.top - host.top + (up ? top - 6 : top + ROW + 4),
        up,
        lines: this.words(second),
      };
      if (spoken) this.said = this.tip.lines.map((line) => line[1]).join(". ");
    },
    moved(event) {
      if (event.pointerType !== "mouse") return;
      const second = this.second(event);
      if (second === this.hovered) return;
      this.hovered = second;
      if (second === null) this.tip = null; else this.show(second);
    },
    left() { this.hovered = null; this.tip = null; },
    clicked(event) {
      const second = this.second(event);
      if (second !== null) this.open(second);
    },
    open(second) {
      this.chosen = second;
      this.tip = null;
      this.draw();
      document.dispatchEvent(new CustomEvent("js-seek", { detail: { t: second } }));
      this.$emit("open", { t: second, cells: (this.seconds.get(second) ?? []).slice(0, 12) });
    },
    focused() {
      if (this.chosen !== null || !this.known || !this.$refs.view.matches(":focus-visible")) return;
      this.chosen = this.now === null ? this.last : Math.floor(this.now);
      this.reveal(this.chosen);
      this.show(this.chosen, true);
      this.draw();
    },
    key(event) {
      if (!this.known) return;
      const at = this.chosen ?? this.last;
      const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -this.per, ArrowDown: this.per, PageUp: -5 * this.per, PageDown: 5 * this.per }[event.key];
      let to = at;
      if (step) to = at + step;
      else if (event.key === "Home") to = this.first;
      else if (event.key === "End") to = this.last;
      else if (event.key === "Enter" || event.key === " ") { event.preventDefault(); return this.open(at); }
      else if (event.key === "Escape") { this.chosen = null; this.tip = null; return this.draw(); }
      else if (event.key === "+" || event.key === "=") { event.preventDefault(); return this.zoom(-1); }
      else if (event.key === "-") { event.preventDefault(); return this.zoom(1); }
      else return;
      event.preventDefault();
      this.chosen = Math.max(this.first, Math.min(this.last, to));
      this.follow = false;
      this.reveal(this.chosen);
      this.show(this.chosen, true);
      this.draw();
    },
    // The same in words: the newest decisions that were not silence.
    list() {
      const rows = [];
      for (const second of [...this.seconds.keys()].sort((a, b) => b - a)) {
        const cells = this.seconds.get(second), best = this.top(cells);
        if (best.kind === "silence" && !this.late(second)) continue;
        const lines = this.words(second);
        rows.push({ key: second, t: second, cells: cells.slice(0, 12), at: clock(second, true), what: lines.filter((line) => /kind|text/.test(line[0])).map((line) => line[1]).join(": "), why: lines.filter((line) => line[0] === "js-tip-why").map((line) => line[1]).join("; ") });
        if (rows.length >= 200) break;
      }
      this.rows = rows;
    },
  },
};

const cut = (text, most) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);
function clock(t, whole) {
  const seconds = Math.max(0, Math.floor(t)), hours = Math.floor(seconds / 3600), two = (n) => String(n).padStart(2, "0");
  const minutes = Math.floor(seconds / 60) % 60;
  return hours || whole === "long" ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`;
}
