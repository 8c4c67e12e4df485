// Asks for the password of a call's link.

const WORDS = {
  en: {
    title: "A call with a bot", label: "Password of this link", enter: "Continue", password: "That is not the password.",
    limited: "That was too often. Wait a minute, then try again.", gone: "This link does not work any more.", failed: "The server does not answer. Try again.",
  },
  zh: {
    title: "与机器人通话", label: "此链接的密码", enter: "继续", password: "密码不正确。",
    limited: "尝试过于频繁，请稍等一分钟。", gone: "此链接已失效。", failed: "服务器没有应答，请重试。",
  },
};

const chinese = navigator.language.toLowerCase().startsWith("zh");
const words = WORDS[chinese ? "zh" : "en"];
const $ = (id) => document.getElementById(id);
document.documentElement.lang = chinese ? "zh-Hans" : "en";
for (const name of ["title", "label", "enter"]) $(name).textContent = words[name];

$("door").addEventListener("submit", async (event) => {
  event.preventDefault();
  $("enter").disabled = true;
  $("wrong").textContent = words[await enter()] ?? "";
  $("enter").disabled = false;
  $("password").select();
});

/** Why it was refused, as a key of the words; where it was not, the page is loaded anew. */
async function enter() {
  const body = JSON.stringify({ password: $("password").value });
  try {
    const answer = await fetch("enter", { method: "POST", headers: { "content-type": "application/json" }, body });
    if (answer.ok) return location.reload();
    const { kind } = await answer.json();
    return kind in words ? kind : "failed";
  } catch {
    return "failed";
  }
}
