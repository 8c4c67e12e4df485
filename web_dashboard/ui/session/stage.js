// The picture with what is said flying over it; of an ended session its kept pictures, with a scrubber.

const SPEED = 150; // pixels a second
const GAP = 48;
const LANE = 34;
const LONGEST = 90;
const STILL = 4000;
const SPEEDS = [1, 4, 16];

export default {
  template: `
    <div class="js-stage">
      <div class="js-screen" ref="screen">
        <span class="js-nothing" v-if="!shown">{{ live ? w.waiting : w.no_pictures }}</span>
        <img v-if="live" ref="live" :data-live="url + '/picture.jpg?width=640'" :alt="w.picture" @load="shown = true">
        <img v-else-if="src" :src="src" :alt="w.picture" data-has="yes" @load="arrived" @error="arrived">
        <div class="js-flying" ref="flying" aria-hidden="true"></div>
        <span class="js-still" v-if="!live && src">{{ w[frame ? 'frame' : 'thumbnail'] }} · {{ clock(at) }}</span>
      </div>
      <div class="js-transport" v-if="!live">
        <button type="button" class="js-play" :aria-label="playing ? w.pause : w.play" :title="playing ? w.pause : w.play" @click="toggle"><i class="q-icon material-icons" aria-hidden="true">{{ playing ? 'pause' : 'play_arrow' }}</i></button>
        <input type="range" min="0" :max="Math.max(1, Math.ceil(end))" step="1" :value="Math.floor(t)" :aria-label="w.scrubber" :aria-valuetext="clock(t)" @input="seek(Number($event.target.value))" @keydown="key">
        <span class="jv-num js-clock">{{ clock(t) }} / {{ clock(end) }}</span>
        <span class="js-speeds" role="group" :aria-label="w.speed"><button type="button" v-for="each in speeds" :key="each" :aria-pressed="String(each === speed)" @click="speed = each">{{ each }}×</button></span>
      </div>
    </div>`,
  props: { url: String, w: Object, live: Boolean, end: Number },
  data: () => ({ shown: false, t: 0, playing: false, speed: 1, speeds: SPEEDS, src: "", frame: false, at: 0 }),
  created() {
    this.free = [];
    this.pictures = { thumbnail: [], frame: [] };
    this.spans = []; // of frames that were asked for: from, to
    this.busy = false;
    this.wanted = "";
  },
  mounted() {
    this.onLine = (event) => this.fly(event.detail.text, event.detail.kind);
    document.addEventListener("js-line", this.onLine);
    this.onSeek = (event) => { if (!this.live) this.seek(event.detail.t); };
    document.addEventListener("js-seek", this.onSeek);
    if (this.live) this.spot = setInterval(() => { if (this.$refs.live?.dataset.has) this.shown = true; }, 500);
    else this.index().then(() => this.seek(0, true));
  },
  unmounted() {
    document.removeEventListener("js-line", this.onLine);
    document.removeEventListener("js-seek", this.onSeek);
    clearInterval(this.spot);
    cancelAnimationFrame(this.step);
    this.gone = true;
  },
  methods: {
    clock(t) {
      const s = Math.max(0, Math.floor(t)), h = Math.floor(s / 3600), two = (n) => String(n).padStart(2, "0");
      return h ? `${h}:${two(Math.floor(s / 60) % 60)}:${two(s % 60)}` : `${Math.floor(s / 60)}:${two(s % 60)}`;
    },
    // --- what flies ---
    fly(text, kind) {
      const stage = this.$refs.flying;
      if (document.hidden || !stage || !text) return;
      const still = matchMedia("(prefers-reduced-motion: reduce)").matches, now = performance.now();
      const lanes = Math.max(1, Math.min(6, Math.floor((stage.clientHeight * 0.6) / LANE)));
      let lane = 0;
      while (lane < lanes && (this.free[lane] ?? 0) > now) lane++;
      if (lane === lanes) return; // no room: dropped, never late
      const line = document.createElement("span");
      line.dataset.kind = kind;
      line.textContent = text.length > LONGEST ? `${text.slice(0, LONGEST - 1)}…` : text;
      line.style.top = `${lane * LANE + 8}px`;
      stage.append(line);
      const across = stage.clientWidth, width = line.offsetWidth;
      this.free[lane] = now + (still ? STILL : ((width + GAP) / SPEED) * 1000);
      if (still) line.style.left = "12px";
      const path = still ? [{ opacity: 0 }, { opacity: 1, offset: 0.1 }, { opacity: 1, offset: 0.9 }, { opacity: 0 }] : [{ transform: `translateX(${across}px)` }, { transform: `translateX(${-width}px)` }];
      const done = () => line.remove();
      line.animate(path, still ? STILL : ((across + width) / SPEED) * 1000).finished.then(done, done);
    },
    // --- replay ---
    async ask(query) {
      const answer = await fetch(`${window.path_prefix ?? ""}${this.url}/pictures?limit=500${query}`);
      return answer.ok ? answer.json() : { pictures: [], next: null };
    },
    async index() {
      for (let since = 0, pages = 0; since !== null && pages < 40 && !this.gone; pages++) {
        const page = await this.ask(`&kind=thumbnail&since=${since}`);
        this.pictures.thumbnail.push(...page.pictures);
        since = page.next ?? null;
      }
      this.show();
    },
    async near(t) {
      if (this.spans.some(([from, to]) => t >= from && t <= to)) return;
      const from = Math.max(0, t - 5);
      this.spans.push([from, t + 30]);
      const page = await this.ask(`&kind=frame&since=${from}`);
      const known = new Set(this.pictures.frame.map((each) => each.id));
      this.pictures.frame.push(...page.pictures.filter((each) => !known.has(each.id)));
      this.pictures.frame.sort((a, b) => a.t - b.t);
      const last = page.next ?? Infinity;
      this.spans[this.spans.length - 1] = [from, Math.max(t + 1, last - 1)];
      this.show();
    },
    newest(list, t) {
      let low = 0, high = list.length;
      while (low < high) { const middle = (low + high) >> 1; if (list[middle].t <= t + 0.5) low = middle + 1; else high = middle; }
      return list[low - 1];
    },
    show() {
      const kept = this.newest(this.pictures.frame, this.t), small = this.newest(this.pictures.thumbnail, this.t) ?? this.pictures.thumbnail[0];
      const best = kept && this.t - kept.t < 20 && (!small || kept.t >= small.t - 10) ? kept : small;
      if (!best) return;
      const src = `${window.path_prefix ?? ""}${this.url}/pictures/${best.id}`;
      if (src === this.src) { this.wanted = ""; return; }
      // One request at a time: at sixteen times the speed the last one asked for wins.
      if (this.busy) { this.wanted = src; return; }
      Object.assign(this, { src, busy: true, frame: best.kind === "frame", at: best.t, shown: true });
    },
    arrived() {
      this.busy = false;
      if (this.wanted) { this.wanted = ""; this.show(); }
    },
    seek(t, quiet) {
      this.t = Math.max(0, Math.min(this.end, t));
      this.tell(true);
      if (!quiet || this.end) this.near(this.t);
      this.show();
    },
    tell(jumped) { document.dispatchEvent(new CustomEvent("js-time", { detail: { t: this.t, jumped: Boolean(jumped) } })); },
    key(event) {
      const step = { PageUp: 60, PageDown: -60 }[event.key];
      if (event.key === " ") { event.preventDefault(); this.toggle(); }
      else if (step) { event.preventDefault(); this.seek(this.t + step); }
    },
    toggle() {
      this.playing = !this.playing;
      if (!this.playing) return cancelAnimationFrame(this.step);
      if (this.t >= this.end - 0.5) this.seek(0);
      let before = performance.now(), told = 0;
      const step = (now) => {
        if (!this.playing || this.gone) return;
        this.t = Math.min(this.end, this.t + ((now - before) / 1000) * this.speed);
        before = now;
        if (now - told > 100) { told = now; this.tell(); this.near(this.t); this.show(); }
        if (this.t >= this.end) { this.playing = false; return this.tell(); }
        this.step = requestAnimationFrame(step);
      };
      this.step = requestAnimationFrame(step);
    },
  },
};
