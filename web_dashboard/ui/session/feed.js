// The transcript: what was said, heard and written. It fetches what is past by itself; what happens now is appended.

const KEPT = 600;

export default {
  template: `
    <div class="js-feed">
      <div class="js-feed-scroll" ref="scroll" tabindex="0" role="log" :aria-label="w.label" @scroll.passive="scrolled">
        <button type="button" class="js-older" v-if="before" @click="older" :disabled="asking">{{ w.older }}</button>
        <div class="js-none" v-if="loaded && !lines.length">{{ w.none }}</div>
        <div v-for="line in lines" :key="line.key" class="js-line" :data-kind="line.kind" :class="{ 'js-now': line.key === current }" :ref="line.key === current ? 'current' : undefined">
          <button type="button" class="js-when jv-num" :title="w.go" @click="go(line)">{{ clock(line.t) }}</button>
          <div class="js-words"><span class="js-who">{{ line.who || w.bot }}</span><span class="js-tag" v-if="line.tag">{{ line.tag }}</span>
            <div>{{ line.text || w.erased }}</div></div>
        </div>
      </div>
      <button type="button" class="js-newest" v-if="away && live" @click="follow">{{ w.newest }}</button>
    </div>`,
  props: { url: String, w: Object, live: Boolean },
  data: () => ({ lines: [], before: null, loaded: false, asking: false, away: false, current: null }),
  created() { this.keys = new Set(); this.t = 0; },
  mounted() {
    this.onTime = (event) => this.moved(event.detail.t, event.detail.jumped);
    document.addEventListener("js-time", this.onTime);
    this.onVisible = () => { if (!document.hidden && this.live && this.loaded) this.catchUp(); };
    document.addEventListener("visibilitychange", this.onVisible);
    this.load();
  },
  unmounted() {
    document.removeEventListener("js-time", this.onTime);
    document.removeEventListener("visibilitychange", this.onVisible);
    this.gone = true;
  },
  methods: {
    clock(t) {
      const s = Math.max(0, Math.floor(t)), h = Math.floor(s / 3600), two = (n) => String(n).padStart(2, "0");
      return h ? `${h}:${two(Math.floor(s / 60) % 60)}:${two(s % 60)}` : `${Math.floor(s / 60)}:${two(s % 60)}`;
    },
    async ask(query) {
      const answer = await fetch(`${window.path_prefix ?? ""}${this.url}/transcript?limit=200${query}`);
      if (!answer.ok) throw new Error(String(answer.status));
      return answer.json();
    },
    async load() {
      try {
        const page = await this.ask(this.live ? "" : "&after=0.0");
        this.before = this.live ? page.before : null;
        this.add(page.lines, false);
        if (!this.live) await this.rest(page);
      } catch { /* What comes is shown. */ }
      this.loaded = true;
      if (this.live) this.$nextTick(() => this.follow());
    },
    // A replay follows its lines, so it needs all of them, within reason.
    async rest(page) {
      while (page.lines.length && this.lines.length < 8000 && !this.gone) {
        page = await this.ask(`&after=${page.after}`);
        this.add(page.lines, false);
      }
    },
    async older() {
      this.asking = true;
      try {
        const scroll = this.$refs.scroll, height = scroll.scrollHeight;
        const page = await this.ask(`&before=${this.before}`);
        this.before = page.before;
        const lines = page.lines.map(this.made).filter((line) => !this.keys.has(line.key));
        for (const line of lines) this.keys.add(line.key);
        this.lines.unshift(...lines);
        this.$nextTick(() => { scroll.scrollTop += scroll.scrollHeight - height; });
      } catch { /* It can be asked again. */ }
      this.asking = false;
    },
    async catchUp() {
      try { this.add((await this.ask(`&since=${Math.max(0, (this.lines.at(-1)?.t ?? 0) - 2)}`)).lines, false); } catch { /* Next time. */ }
    },
    made(line) {
      const lost = (line.delivered ?? []).filter((each) => each.dropped), out = (line.delivered ?? []).filter((each) => !each.dropped);
      const tags = [];
      if (line.kind === "gated") tags.push(`${this.w.gated}: ${this.w["gate." + line.gate] ?? line.gate}`);
      if (line.kind === "delegated") tags.push(this.w.delegated);
      if (line.kind === "chat") tags.push(this.w.chat);
      if (out.length) tags.push(out.map((each) => this.w["sink." + each.sink] ?? each.sink).join(", ") + (out[0].t - line.t > 2 ? ` +${(out[0].t - line.t).toFixed(1)} s` : ""));
      for (const each of lost.slice(0, 2)) tags.push(`${this.w["sink." + each.sink] ?? each.sink}: ${this.w.dropped} (${this.w["drop." + each.dropped] ?? each.dropped})`);
      return { ...line, tag: tags.join(" · "), key: `${line.epoch}:${line.kind}:${line.n ?? `${line.t}:${line.text.slice(0, 30)}`}` };
    },
    add(lines, fresh) {
      const scroll = this.$refs.scroll;
      for (const line of lines.map(this.made)) {
        if (this.keys.has(line.key)) continue;
        this.keys.add(line.key);
        this.lines.push(line);
        if (fresh && line.kind !== "gated") this.fly(line);
      }
      if (lines.length) this.lines.sort((a, b) => a.epoch - b.epoch || a.t - b.t);
      if (this.live) for (const old of this.lines.splice(0, this.away ? Math.max(0, this.lines.length - 3 * KEPT) : Math.max(0, this.lines.length - KEPT))) { this.keys.delete(old.key); this.before = old.at ?? this.before; }
      if (!this.away && this.live && scroll) this.$nextTick(() => { scroll.scrollTop = scroll.scrollHeight; });
    },
    append(lines) { this.add(lines, true); },
    delivered(epoch, n, sink, t, dropped) {
      const line = this.lines.findLast((each) => each.epoch === epoch && each.n === n);
      if (!line) return;
      Object.assign(line, this.made({ ...line, delivered: [...(line.delivered ?? []), { sink, t, dropped }] }));
    },
    fly(line) {
      const text = line.kind === "heard" || line.kind === "chat" ? `${line.who}: ${line.text}` : line.text;
      document.dispatchEvent(new CustomEvent("js-line", { detail: { text, kind: line.kind } }));
    },
    scrolled() {
      const scroll = this.$refs.scroll;
      this.away = scroll.scrollTop + scroll.clientHeight < scroll.scrollHeight - 40;
    },
    follow() { this.away = false; const scroll = this.$refs.scroll; if (scroll) scroll.scrollTop = scroll.scrollHeight; },
    go(line) { document.dispatchEvent(new CustomEvent("js-seek", { detail: { t: line.t } })); },
    // Replay: the line of this second, and what passed since the last one flies.
    moved(t, jumped) {
      if (this.live) return;
      let current = null;
      for (const line of this.lines) {
        if (line.t > t + 0.5) break;
        current = line.key;
        if (!jumped && line.t > this.t + 0.5 && line.kind !== "gated") this.fly(line);
      }
      this.t = t;
      if (current === this.current) return;
      this.current = current;
      this.$nextTick(() => {
        const line = [this.$refs.current].flat()[0], scroll = this.$refs.scroll;
        if (line && scroll) scroll.scrollTop = line.offsetTop - scroll.clientHeight / 2;
      });
    },
  },
};
