// The words of the preview, in English and Chinese.

const WORDS = {
  en: {
    other: "中文", title: "Overlay for your stream", part: "Shows", ground: "Background", sample: "Sample", copy: "Copy", copied: "Copied",
    how: "In OBS: Sources, +, Browser; paste this address, 1920 × 1080. For the voice, add one more browser source and tick “Control audio via OBS”.",
    parts: { all: "everything", danmaku: "danmaku", captions: "captions", counter: "counter", alert: "alerts", voice: "the voice" },
    grounds: { street: "street", checker: "checkerboard", dark: "dark", light: "light" },
    fields: {},
    samples: [
      ["speak", "A red car drives by."], ["reply", "@ann Seven so far!"], ["alert", "Somebody is at the door."],
      ["delegate", "Let me find out whose dog that is."], ["speak", "And there goes a bus 🚌, full of people on their way home."],
    ],
  },
  zh: {
    other: "English", title: "直播叠加层", part: "显示", ground: "背景", sample: "示例", copy: "复制", copied: "已复制",
    how: "在 OBS 中：来源 → + → 浏览器，粘贴此地址，1920 × 1080。要播放语音，请再添加一个浏览器来源，并勾选“通过 OBS 控制音频”。",
    parts: { all: "全部", danmaku: "弹幕", captions: "字幕", counter: "计数器", alert: "提醒", voice: "语音" },
    grounds: { street: "街道", checker: "棋盘格", dark: "深色", light: "浅色" },
    fields: {
      size: "字号（像素）", font: "字体", weight: "字重", color: "主动说的话与字幕", reply: "对聊天的回复", delegate: "去请教时说的话",
      alert: "提醒", count: "计数器的数字", shadow: "文字描边（像素）", box: "字幕、计数器与提醒的深色底（%）", opacity: "不透明度（%）",
      position: "弹幕位置", captions: "字幕位置", corner: "计数器位置", toast: "提醒位置", speed: "弹幕速度（像素/秒）",
      density: "弹幕占用的高度（%）", lines: "字幕最多行数", safe_x: "左右留白（%）", safe_y: "上下留白（%）", hold: "提醒停留（秒）",
      label: "计数器旁的文字", instruction: "计数器显示的指令编号，如 i1；留空为最近计数的那条", volume: "音量（%）", lang: "语言",
    },
    samples: [
      ["speak", "一辆红色的汽车开过去了。"], ["reply", "@小安 到现在一共七辆！"], ["alert", "门口有人。"],
      ["delegate", "我去问问这是谁家的狗。"], ["speak", "又来了一辆公交车🚌，车上坐满了下班回家的人。"],
    ],
  },
};

const NAMES = {
  en: {},
  zh: {
    top: "上", middle: "中", bottom: "下", "top-left": "左上", "top-right": "右上", "bottom-left": "左下", "bottom-right": "右下",
    sans: "黑体", serif: "宋体", mono: "等宽", rounded: "圆体", auto: "自动", en: "英文", zh: "中文",
  },
};

/** The words of a language. */
export const wordsOf = (language) => WORDS[language];
/** What choices are called in a language, where it is not their own name. */
export const namesOf = (language) => NAMES[language];
