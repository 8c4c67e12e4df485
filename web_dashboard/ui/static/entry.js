// The forms of sign-in and set-up: sent as JSON, answered in place.
const form = document.getElementById("form");
const problem = document.getElementById("problem");

function remember(language) {
  const secure = location.protocol === "https:" ? ";secure" : "";
  document.cookie = `joyvl_language=${language};path=/;max-age=31536000;samesite=strict${secure}`;
}

document.getElementById("language").addEventListener("click", (event) => {
  remember(event.currentTarget.dataset.next);
  location.reload();
});

const look = document.cookie.split("; ").find((each) => each.startsWith("joyvl_look="))?.split("=")[1];
if (look === "light" || look === "dark") document.documentElement.dataset.look = look;

function tell(text) {
  problem.textContent = text;
  problem.hidden = !text;
}

async function send() {
  const button = form.querySelector("button[type=submit]");
  const fields = Object.fromEntries(new FormData(form));
  if (form.dataset.kind === "set-up" && fields.password !== document.getElementById("again").value) return tell(form.dataset.differ);
  tell("");
  button.disabled = true;
  try {
    const answer = await fetch(form.action, {
      method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(fields), credentials: "same-origin",
    });
    if (answer.ok) {
      const me = await answer.json().catch(() => ({}));
      // A browser in which nobody chose a language takes the person's.
      if (me.language && me.language !== "en" && !document.cookie.includes("joyvl_language=")) remember(me.language);
      const next = new URLSearchParams(location.search).get("next") ?? "/";
      // A path of this site only: never another one's address.
      location.assign(/^\/(?![/\\])/.test(next) ? next : "/");
      return;
    }
    if (answer.status === 429) return tell(form.dataset.wait.replace("{seconds}", answer.headers.get("Retry-After") ?? "60"));
    const body = await answer.json().catch(() => ({}));
    tell([body.message, body.hint].filter(Boolean).join(" ") || form.dataset.offline);
  } catch {
    tell(form.dataset.offline);
  } finally {
    button.disabled = false;
  }
}

form?.addEventListener("submit", (event) => {
  event.preventDefault();
  send();
});
