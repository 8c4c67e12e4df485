// Every word of the page, in English and Chinese, and the switch between them.

const WORDS = {
  en: {
    other: "中文", title: "A bot that watches with you",
    subtitle: "Every second it decides by itself: stay silent, speak up, or ask somebody who knows better.",
    notice: "An AI will watch what you share, and only while you share it.",
    notice_shared: "An AI will watch and hear what you share, only while you share it. Who runs it can see this call and keeps a record.",
    camera: "Camera", camera_hint: "your webcam", screen: "Screen", screen_hint: "a window or a tab",
    scene: "Demo scene", scene_hint: "no camera needed", mic: "Microphone", voice: "Voice", volume: "Volume of the voice",
    end: "Hang up", unlock: "Turn the bot's voice on", dismiss: "Dismiss", tools: "Call controls",
    stage: "Your picture", own: "What the bot sees", inset: "Your camera", timeline: "Decisions",
    timeline_hint: "Decisions, one a tick. Arrow keys move between them.",
    silence: "silence", speak: "speech", delegate: "delegation", gated: "held back",
    wishes: "Watching for", no_wishes: "Nothing yet. Tell it what to look out for.", cancel: "Stop: ",
    chat: "Chat", line: "Message to the bot", placeholder: "@bot count the cars that pass", send: "Send",
    you: "You", bot: "JoyVL",
    ideas: ["Count the cars that pass", "Tell me when somebody shows up", "Read out any text you see", "Say the time every 30 seconds"],
    state_idle: "Not in a call", state_connecting: "Connecting", state_initializing: "Getting ready", state_listening: "Watching",
    state_thinking: "Thinking", state_speaking: "Speaking", state_over: "Call ended",
    waiting: "The bot's decisions appear here, one cell a second.",
    totals: (ticks, spoken, tokens) => `${ticks} ticks · ${spoken} spoken · ${tokens} tokens`,
    at: (t) => `${t} s`, took: (ms) => `${ms} ms`, tokens: (n) => `${n} tokens`, gate: (name) => `held back: ${name}`,
    gates: { rate: "too many words", duplicate: "said already", mute: "muted", quiet: "quiet hours", threshold: "not sure enough" },
    triggers: { start: "start", interval: "every second", change: "change seen", speech: "speech", chat: "chat", result: "result", timer: "timer", instruction: "instruction" },
    stays_silent: "stays silent", asks: "asks:",
    insecure: ["The browser lends no camera to this page.", "It came over plain HTTP from another machine. Start the bot with “--tls” and open its https:// address, or open the page on the bot's own machine as localhost. The demo scene works as it is."],
    denied_camera: ["No permission for the camera.", "Allow it beside the address bar, then press Camera again."],
    denied_mic: ["No permission for the microphone.", "Allow it beside the address bar, then press Microphone again."],
    denied_screen: ["No screen was chosen.", "Press Screen again and pick a window or a tab."],
    missing_camera: ["There is no camera.", "Connect one, or share a screen or the demo scene."],
    missing_mic: ["There is no microphone.", "The bot watches and reads chat all the same."],
    in_use: ["The camera is busy.", "Close the other program that uses it, then try again."],
    failed_media: ["The picture could not be started.", "Try another source."],
    ended: ["The source has ended.", "Choose another."],
    busy: ["All lines are busy.", "Close another call page, then call again."],
    gone: ["This link does not work any more.", "Ask who sent it to you for a new one."],
    locked: ["This link has a password.", "Reload the page and type it."],
    no_answer: ["The bot did not come in time.", "It may be busy. Call again."],
    bad_offer: ["The bot did not understand this browser.", "Reload the page. If it happens again, try another browser."],
    refused: ["The bot refuses calls from this address.", "Open the address that the bot printed when it started."],
    no_bot: ["The bot does not answer.", "Is it still running? Start it, then call again."],
    no_path: ["The browser finds no path to the bot.", "Use the same machine or network, or give the bot a STUN or TURN server."],
    lost: ["The connection was lost.", "Check the network, then call again."],
    left: ["The bot has left.", "Call again whenever you like."],
    too_long: ["That line is too long.", "Say it in at most 2,000 characters."],
    too_fast: ["That was too fast.", "Wait a moment, then go on."],
    not_understood: ["The bot could not read that.", "Reload the page."],
    again: "Call again",
  },
  zh: {
    other: "English", title: "和你一起看的机器人",
    subtitle: "它每秒自己决定：保持安静、开口说话，还是去请教更懂的人。",
    notice: "人工智能会看到你分享的画面，仅在你分享期间。",
    notice_shared: "人工智能会看到并听到你分享的内容，仅在你分享期间。运营者可以看到此通话，并会保留记录。",
    camera: "摄像头", camera_hint: "你的网络摄像头", screen: "屏幕", screen_hint: "窗口或标签页",
    scene: "演示场景", scene_hint: "不需要摄像头", mic: "麦克风", voice: "语音", volume: "语音音量",
    end: "挂断", unlock: "打开机器人的声音", dismiss: "关闭", tools: "通话控制",
    stage: "你的画面", own: "机器人看到的画面", inset: "你的摄像头", timeline: "决定",
    timeline_hint: "每一拍的决定，用方向键切换。",
    silence: "安静", speak: "说话", delegate: "委托", gated: "被拦下",
    wishes: "正在留意", no_wishes: "还没有。告诉它要留意什么。", cancel: "停止：",
    chat: "聊天", line: "给机器人的消息", placeholder: "@bot 数一数经过的汽车", send: "发送",
    you: "你", bot: "JoyVL",
    ideas: ["数一数经过的汽车", "有人出现就告诉我", "把看到的文字读出来", "每30秒报一次时间"],
    state_idle: "未在通话", state_connecting: "正在连接", state_initializing: "正在准备", state_listening: "正在观看",
    state_thinking: "思考中", state_speaking: "正在说话", state_over: "通话结束",
    waiting: "机器人的决定会显示在这里，每秒一格。",
    totals: (ticks, spoken, tokens) => `${ticks} 拍 · 说话 ${spoken} 次 · ${tokens} 个词元`,
    at: (t) => `${t} 秒`, took: (ms) => `${ms} 毫秒`, tokens: (n) => `${n} 个词元`, gate: (name) => `被拦下：${name}`,
    gates: { rate: "说得太多", duplicate: "已经说过", mute: "静音", quiet: "安静时段", threshold: "把握不够" },
    triggers: { start: "开始", interval: "每秒", change: "画面变化", speech: "语音", chat: "聊天", result: "结果", timer: "定时", instruction: "指令" },
    stays_silent: "保持安静", asks: "请教：",
    insecure: ["浏览器不向本页提供摄像头。", "页面是从另一台机器经 HTTP 打开的。请用 “--tls” 启动机器人并打开它的 https:// 地址，或在机器人所在的机器上用 localhost 打开。演示场景可以直接使用。"],
    denied_camera: ["没有摄像头权限。", "请在地址栏旁允许，然后再按“摄像头”。"],
    denied_mic: ["没有麦克风权限。", "请在地址栏旁允许，然后再按“麦克风”。"],
    denied_screen: ["没有选择屏幕。", "再按“屏幕”，选择一个窗口或标签页。"],
    missing_camera: ["没有找到摄像头。", "接上一个，或分享屏幕、演示场景。"],
    missing_mic: ["没有找到麦克风。", "机器人仍会观看并阅读聊天。"],
    in_use: ["摄像头正被占用。", "关闭占用它的程序，然后重试。"],
    failed_media: ["画面无法启动。", "换一个来源试试。"],
    ended: ["画面来源已结束。", "请另选一个。"],
    busy: ["线路都被占用。", "关闭另一个通话页面，然后重新呼叫。"],
    gone: ["此链接已失效。", "请向发送者索取新的链接。"],
    locked: ["此链接有密码。", "请刷新页面并输入密码。"],
    no_answer: ["机器人没有及时到来。", "它可能正忙，请重新呼叫。"],
    bad_offer: ["机器人无法识别这个浏览器。", "请刷新页面。若再次出现，请换一个浏览器。"],
    refused: ["机器人拒绝来自此地址的呼叫。", "请打开机器人启动时显示的地址。"],
    no_bot: ["机器人没有应答。", "它还在运行吗？启动后再呼叫。"],
    no_path: ["浏览器连不到机器人。", "请使用同一台机器或同一网络，或为机器人配置 STUN 或 TURN 服务器。"],
    lost: ["连接中断。", "检查网络，然后重新呼叫。"],
    left: ["机器人已离开。", "随时可以再次呼叫。"],
    too_long: ["这句话太长。", "请控制在 2000 字以内。"],
    too_fast: ["发送太快了。", "稍等一下再继续。"],
    not_understood: ["机器人无法读取这条消息。", "请刷新页面。"],
    again: "重新呼叫",
  },
};

const KEY = "joyvl.language";
const listeners = new Set();
let language = remembered() ?? (navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en");

function remembered() {
  try {
    const kept = localStorage.getItem(KEY);
    return kept in WORDS ? kept : null;
  } catch {
    return null; // storage is closed to this page: the browser's language counts
  }
}

/** The words of the current language. */
export const words = () => WORDS[language];

/** Calls `listener` now and at every change of language. */
export function onLanguage(listener) {
  listeners.add(listener);
  listener();
}

export function switchLanguage() {
  language = language === "en" ? "zh" : "en";
  try {
    localStorage.setItem(KEY, language);
  } catch {
    // the choice then lasts as long as the page
  }
  for (const listener of listeners) listener();
}

/** Puts the current words where the markup asks for them. */
export function translatePage() {
  document.documentElement.lang = language === "zh" ? "zh-Hans" : "en";
  const said = words();
  // A page that somebody shared tells who else sees the call.
  const key = (name) => (name === "notice" && "shared" in document.body.dataset ? "notice_shared" : name);
  for (const node of document.querySelectorAll("[data-i18n]")) node.textContent = said[key(node.dataset.i18n)];
  for (const node of document.querySelectorAll("[data-i18n-label]")) node.setAttribute("aria-label", said[node.dataset.i18nLabel]);
  for (const node of document.querySelectorAll("[data-i18n-placeholder]")) node.placeholder = said[node.dataset.i18nPlaceholder];
}
