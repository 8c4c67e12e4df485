// What every page of the dashboard needs in the browser: look, language, sign-out, local times, countdowns, live pictures.
(() => {
  const YEAR = 31536000;
  const remember = (name, value) => {
    document.cookie = `${name}=${value};path=/;max-age=${YEAR};samesite=strict${location.protocol === "https:" ? ";secure" : ""}`;
  };
  const cookie = (name) => document.cookie.split("; ").find((each) => each.startsWith(name + "="))?.split("=")[1] ?? "";

  const apply = () => {
    const look = cookie("joyvl_look");
    if (look === "light" || look === "dark") document.documentElement.dataset.look = look;
    else delete document.documentElement.dataset.look;
  };
  apply();

  const reload = () => location.reload();

  window.joyvl = {
    look(now) {
      remember("joyvl_look", { auto: "light", light: "dark", dark: "auto" }[now] ?? "auto");
      reload();
    },
    async language(next) {
      remember("joyvl_language", next);
      // With the person too, for their next browser; the page changes at once either way.
      await fetch("/api/v1/me", { method: "PATCH", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ language: next }) }).catch(() => {});
      reload();
    },
    async signOut() {
      try { await fetch("/api/v1/sign-out", { method: "POST" }); } finally { location.assign("/sign-in"); }
    },
    // Asks before a page with unsaved changes is left.
    unsaved(yes) { dirty = yes; },
  };
  let dirty = false;
  addEventListener("beforeunload", (event) => { if (dirty) event.preventDefault(); });

  addEventListener("keydown", (event) => { if (event.key === "Escape") document.body.classList.remove("jv-open"); });

  // Times on hovering, in the reader's own zone.
  addEventListener("pointerover", (event) => {
    const time = event.target.closest?.("time[data-moment]");
    if (time && !time.title) time.title = new Date(Number(time.dataset.moment) * 1000).toLocaleString(document.documentElement.lang || undefined);
  });

  // Seconds until the next look: `left|every|t` as the last heartbeat told it; then it goes round by itself.
  setInterval(() => {
    if (document.hidden) return;
    for (const each of document.querySelectorAll("[data-countdown]")) {
      const [left, every] = each.dataset.countdown.split("|").map(Number);
      if (each.dataset.seen !== each.dataset.countdown) {
        each.dataset.seen = each.dataset.countdown;
        each.dataset.at = String(performance.now() + 1000 * left);
      }
      let rest = (Number(each.dataset.at) - performance.now()) / 1000;
      if (rest < 0) rest = every - (-rest % every);
      const text = rest.toFixed(rest < 10 ? 1 : 0) + " s";
      if (each.textContent !== text) each.textContent = text;
    }
  }, 200);

  // A page that nobody sees is told nothing.
  addEventListener("visibilitychange", () => window.emitEvent?.("joyvl_visible", !document.hidden));

  // Uploads: the file is the body, its progress is shown, and the answer is told to the page.
  function upload(input, file) {
    const drop = input.closest(".jv-drop");
    const bar = drop.parentElement.querySelector(".jv-progress");
    const tell = (name, detail) => input.dispatchEvent(new CustomEvent(name, { detail }));
    const request = new XMLHttpRequest();
    request.open("POST", `${input.dataset.upload}?name=${encodeURIComponent(file.name.slice(0, 200))}`);
    request.responseType = "json";
    bar.hidden = false;
    request.upload.onprogress = (event) => {
      const share = event.lengthComputable ? Math.round((100 * event.loaded) / event.total) : 0;
      bar.firstElementChild.style.width = share + "%";
      bar.setAttribute("aria-valuenow", share);
    };
    request.onloadend = () => {
      bar.hidden = true;
      input.value = "";
      if (request.status >= 200 && request.status < 300) tell("uploaded", request.response);
      else tell("upload_failed", request.response ?? { message: bar.dataset.offline });
    };
    request.send(file);
  }
  addEventListener("change", (event) => {
    if (event.target.matches?.("input[data-upload]") && event.target.files.length) upload(event.target, event.target.files[0]);
  });
  for (const name of ["dragover", "dragleave", "drop"]) {
    addEventListener(name, (event) => {
      const drop = event.target.closest?.(".jv-drop");
      if (!drop) return;
      event.preventDefault();
      drop.classList.toggle("over", name === "dragover");
      if (name === "drop" && event.dataTransfer.files.length) upload(drop.querySelector("input"), event.dataTransfer.files[0]);
    });
  }

  // Live pictures: one request in flight a picture, none for one that nobody sees.
  const seen = new WeakSet();
  const watched = new Map();
  const EVERY = 1000;
  const visible = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      const state = watched.get(entry.target);
      if (state) { state.shown = entry.isIntersecting; if (state.shown) next(entry.target, state); }
    }
  }, { rootMargin: "80px" });

  async function next(image, state) {
    if (state.busy || !image.isConnected || !state.shown || document.hidden) return;
    state.busy = true;
    const began = performance.now();
    try {
      const answer = await fetch(image.dataset.live, { headers: state.tag ? { "If-None-Match": state.tag } : {}, cache: "no-store" });
      if (answer.status === 200) {
        state.tag = answer.headers.get("ETag");
        const url = URL.createObjectURL(await answer.blob());
        const before = state.url;
        state.url = url;
        image.src = url;
        await image.decode().catch(() => {});
        image.dataset.has = "yes";
        if (before) URL.revokeObjectURL(before);
      }
    } catch { /* The next one may succeed. */ }
    state.busy = false;
    setTimeout(() => next(image, state), Math.max(100, EVERY - (performance.now() - began)));
  }

  const look = () => {
    for (const image of document.querySelectorAll("img[data-live]")) {
      if (seen.has(image)) continue;
      seen.add(image);
      watched.set(image, { busy: false, shown: false, tag: null, url: "" });
      visible.observe(image);
    }
    for (const [image, state] of watched) {
      if (image.isConnected) continue;
      visible.unobserve(image);
      if (state.url) URL.revokeObjectURL(state.url);
      watched.delete(image);
    }
  };
  addEventListener("visibilitychange", () => { if (!document.hidden) for (const [image, state] of watched) next(image, state); });
  addEventListener("DOMContentLoaded", () => setInterval(look, 500));
})();
