// How the page looks: the server has read it from the address already, so every value is acceptable.

const FAMILIES = {
  sans: 'ui-sans-serif, system-ui, "Segoe UI", Roboto, "Noto Sans", "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", sans-serif',
  serif: 'Georgia, "Noto Serif", "Songti SC", SimSun, "Noto Serif CJK SC", serif',
  mono: 'ui-monospace, Consolas, "Noto Sans Mono", "Noto Sans Mono CJK SC", monospace',
  rounded: 'ui-rounded, "SF Pro Rounded", "Nunito", "Yuanti SC", "Noto Sans CJK SC", sans-serif',
};

/** The style of this page, put onto it. */
export function wearStyle() {
  const style = JSON.parse(document.body.dataset.style);
  const set = (name, value) => document.body.style.setProperty(`--${name}`, value);
  for (const name of ["color", "reply", "delegate", "alert", "count"]) set(name, `#${style[name]}`);
  set("size", `${style.size}px`);
  set("weight", style.weight);
  set("family", FAMILIES[style.font]);
  set("opacity", style.opacity / 100);
  set("lines", style.lines);
  set("ground", style.box ? `rgb(0 0 0 / ${style.box}%)` : "transparent");
  set("safe-x", `${style.safe_x}vw`);
  set("safe-y", `${style.safe_y}vh`);
  set("shadow", edge(style.shadow));
  const chinese = style.lang === "zh" || (style.lang === "auto" && navigator.language.toLowerCase().startsWith("zh"));
  document.documentElement.lang = chinese ? "zh-Hans" : "en";
  return style;
}

/** A dark edge all around the letters, which keeps them readable over any picture. */
function edge(width) {
  if (!width) return "none";
  const around = [...Array(8).keys()].map((step) => (step * Math.PI) / 4);
  const at = (angle) => `${(Math.cos(angle) * width * 0.6).toFixed(1)}px ${(Math.sin(angle) * width * 0.6).toFixed(1)}px`;
  return [...around.map((angle) => `${at(angle)} 0 rgb(0 0 0 / .75)`), `0 0 ${width * 2}px rgb(0 0 0 / .6)`].join(", ");
}
