"""What the participant says about itself, in the languages it speaks."""

from __future__ import annotations

ANNOUNCEMENT = {
    "en": "{name} is here. I am an AI: I watch the video and listen. Write '@bot leave' to send me away.",
    "zh": "{name} 来了。我是 AI，会看画面、听声音。写“@bot 离开”我就走。",
}
GOODBYE = {"en": "Goodbye.", "zh": "再见。"}
MUTED = {
    "en": ("I say nothing more.", "Write '@bot unmute' to hear me again."),
    "zh": ("我不再说话。", "写“@bot 可以说话了”我就继续。"),
}
UNMUTED = {"en": "I can speak again.", "zh": "我又可以说话了。"}
PAUSED = {
    "en": "I am paused by an operator: I see and hear nothing until I say that I watch again.",
    "zh": "管理员让我暂停了：在我说继续之前，我看不到也听不到任何内容。",
}
RESUMED = {"en": "I watch again.", "zh": "我继续看了。"}
FORGOTTEN = {
    "en": "I have forgotten what was between {since} and {until} of this session.",
    "zh": "本次会话 {since} 到 {until} 之间的内容，我已经忘掉了。",
}
NOT_FORGOTTEN = {
    "en": "I can't erase it from the database now. Ask me again in a while.",
    "zh": "现在没法从数据库里删掉，请过一会儿再说一次。",
}
