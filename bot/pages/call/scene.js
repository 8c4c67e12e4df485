// The demo scene: a drawn street with quiet moments in which cars, people and a bus come by and a board
// changes its text. It depends on the time alone, so every showing is the same.

const WIDTH = 960;
const HEIGHT = 540;
const RATE = 20;
const PERIOD = 76;
const LANES = { far: 432, near: 494 };
const PAVEMENT = 388;

const BOARD = [
  [0, "BUS 7   6 MIN"],
  [21, "BUS 7   3 MIN"],
  [47, "BUS 7   NOW"],
  [64, "BUS 7   9 MIN"],
];

// Who comes by, when, and how fast (pixels a second; to the left where negative).
const ACTORS = [
  { draw: car, colour: "#d63b33", from: 3, speed: 250, lane: LANES.near },
  { draw: walker, colour: "#f2b632", hair: "#5a3420", from: 10, speed: -88, lane: PAVEMENT },
  { draw: van, colour: "#2f6fc4", from: 25, speed: -230, lane: LANES.far },
  { draw: car, colour: "#f4f4f0", from: 33, speed: 280, lane: LANES.near },
  { draw: walker, colour: "#7a4bb0", hair: "#1d1a1f", from: 37, speed: 96, lane: PAVEMENT, dog: true },
  { draw: bus, colour: "#f0a21c", from: 50, speed: -260, lane: LANES.far, stop: { at: 420, seconds: 4 } },
  { draw: car, colour: "#2a9d6f", from: 66, speed: 300, lane: LANES.near },
];

/** Plays the scene: `{ stream, close() }`. */
export function playScene() {
  const canvas = Object.assign(document.createElement("canvas"), { width: WIDTH, height: HEIGHT });
  const pen = canvas.getContext("2d", { alpha: false });
  const street = background();
  const start = performance.now();
  const show = () => draw(pen, street, (performance.now() - start) / 1000);
  show();
  const timer = setInterval(show, 1000 / RATE);
  const stream = canvas.captureStream(RATE);
  const close = () => {
    clearInterval(timer);
    for (const track of stream.getTracks()) track.stop();
  };
  return { stream, close };
}

function draw(pen, street, seconds) {
  const now = seconds % PERIOD;
  pen.drawImage(street, 0, 0);
  board(pen, BOARD.findLast(([from]) => from <= now)[1]);
  const present = ACTORS.map((actor) => ({ actor, x: position(actor, now) })).filter(({ x }) => x !== null);
  present.sort((a, b) => a.actor.lane - b.actor.lane);
  for (const { actor, x } of present) {
    pen.save();
    pen.translate(x, actor.lane);
    if (actor.speed < 0) pen.scale(-1, 1);
    actor.draw(pen, actor, now);
    pen.restore();
  }
}

/** Where an actor's middle is at `now`, or null while it is out of the picture. */
function position(actor, now) {
  const margin = 170;
  let age = now - actor.from;
  if (age < 0) return null;
  if (actor.stop) {
    const arrives = Math.abs((actor.speed < 0 ? WIDTH + margin : -margin) - actor.stop.at) / Math.abs(actor.speed);
    if (age > arrives) age = Math.max(arrives, age - actor.stop.seconds);
  }
  const x = (actor.speed < 0 ? WIDTH + margin : -margin) + actor.speed * age;
  return x < -margin || x > WIDTH + margin ? null : x;
}

function background() {
  const canvas = Object.assign(document.createElement("canvas"), { width: WIDTH, height: HEIGHT });
  const pen = canvas.getContext("2d", { alpha: false });
  pen.fillStyle = gradient(pen, 0, 330, ["#8fc9e8", "#d7ecef", "#fbe6c9"]);
  pen.fillRect(0, 0, WIDTH, HEIGHT);
  disc(pen, 792, 84, 34, "#fff3c4");
  hills(pen);
  house(pen, -30, 120, 190, "#c9735a", 3);
  house(pen, 168, 76, 176, "#e2c9a1", 3);
  house(pen, 352, 138, 236, "#6f93a3", 4);
  house(pen, 596, 96, 168, "#d9a08a", 3);
  house(pen, 772, 150, 220, "#a8b48d", 4);
  cafe(pen);
  ground(pen);
  tree(pen, 150, 380, 1);
  tree(pen, 862, 378, 1.15);
  lamp(pen, 585, 384);
  return canvas;
}

function gradient(pen, top, bottom, colours) {
  const fill = pen.createLinearGradient(0, top, 0, bottom);
  colours.forEach((colour, index) => fill.addColorStop(index / (colours.length - 1), colour));
  return fill;
}

function block(pen, x, y, width, height, colour, radius = 0) {
  pen.fillStyle = colour;
  pen.beginPath();
  pen.roundRect(x, y, width, height, radius);
  pen.fill();
}

function disc(pen, x, y, radius, colour) {
  pen.fillStyle = colour;
  pen.beginPath();
  pen.arc(x, y, radius, 0, 2 * Math.PI);
  pen.fill();
}

function shape(pen, points, colour) {
  pen.fillStyle = colour;
  pen.beginPath();
  points.forEach(([x, y], index) => (index ? pen.lineTo(x, y) : pen.moveTo(x, y)));
  pen.closePath();
  pen.fill();
}

function hills(pen) {
  for (const [y, height, colour] of [[300, 150, "#b9d3c4"], [340, 120, "#9dc0a8"]]) {
    pen.fillStyle = colour;
    pen.beginPath();
    pen.moveTo(0, HEIGHT);
    for (let x = 0; x <= WIDTH; x += 12) pen.lineTo(x, y - height * (0.5 + 0.5 * Math.sin(x / 170 + y)));
    pen.lineTo(WIDTH, HEIGHT);
    pen.fill();
  }
}

function house(pen, x, y, width, colour, columns) {
  block(pen, x, y, width, 380 - y, colour);
  block(pen, x - 5, y - 10, width + 10, 14, "#00000030", 3);
  const step = width / columns;
  for (let row = 0; y + 26 + row * 62 < 250; row += 1) {
    for (let column = 0; column < columns; column += 1) {
      const left = x + column * step + step / 2 - 14;
      block(pen, left - 3, y + 23 + row * 62, 34, 44, "#ffffff66", 4);
      block(pen, left, y + 26 + row * 62, 28, 38, (row + column) % 3 ? "#40566b" : "#ffd98a", 3);
      block(pen, left + 13, y + 26 + row * 62, 2, 38, "#ffffff55");
    }
  }
}

function cafe(pen) {
  block(pen, 352, 268, 236, 112, "#38505c");
  block(pen, 366, 296, 120, 72, "#ffe3a6", 4);
  block(pen, 506, 296, 62, 84, "#7c4a34", 4);
  disc(pen, 556, 342, 3, "#f5d27a");
  for (let stripe = 0; stripe < 12; stripe += 1) {
    shape(pen, [[346 + stripe * 21, 262], [367 + stripe * 21, 262], [367 + stripe * 21, 284], [346 + stripe * 21, 284]], stripe % 2 ? "#fff6e8" : "#d8564a");
    disc(pen, 356.5 + stripe * 21, 284, 10.5, stripe % 2 ? "#fff6e8" : "#d8564a");
  }
  pen.fillStyle = "#7c4a34";
  pen.font = "700 26px ui-sans-serif, system-ui, sans-serif";
  pen.textAlign = "center";
  pen.fillText("CAFE", 426, 340);
}

function ground(pen) {
  block(pen, 0, 372, WIDTH, 38, "#cfc7ba");
  for (let x = 0; x < WIDTH; x += 64) block(pen, x, 372, 1.5, 38, "#b7ae9f");
  block(pen, 0, 408, WIDTH, 7, "#a39b8d");
  block(pen, 0, 415, WIDTH, 125, "#575b63");
  for (let x = 20; x < WIDTH; x += 110) block(pen, x, 462, 58, 5, "#e9e4d2", 2);
}

function tree(pen, x, y, size) {
  block(pen, x - 6 * size, y - 80 * size, 12 * size, 82 * size, "#6d4c36", 4);
  for (const [dx, dy, radius, colour] of [[-26, -96, 32, "#4f8a5b"], [24, -100, 34, "#4f8a5b"], [0, -128, 38, "#5f9c66"], [4, -96, 30, "#6cab70"]])
    disc(pen, x + dx * size, y + dy * size, radius * size, colour);
}

function lamp(pen, x, y) {
  block(pen, x - 3, y - 150, 6, 152, "#3c4148", 3);
  block(pen, x - 30, y - 156, 34, 6, "#3c4148", 3);
  block(pen, x - 36, y - 152, 22, 12, "#fff1b8", 5);
}

function board(pen, text) {
  block(pen, 618, 262, 6, 122, "#3c4148", 2);
  block(pen, 756, 262, 6, 122, "#3c4148", 2);
  block(pen, 606, 222, 168, 56, "#14181d", 8);
  block(pen, 610, 226, 160, 48, "#1d232a", 6);
  pen.fillStyle = "#ffc24a";
  pen.font = "700 22px ui-monospace, 'DejaVu Sans Mono', monospace";
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  pen.fillText(text.replaceAll("   ", " "), 690, 251);
  pen.textBaseline = "alphabetic";
}

function wheel(pen, x, y, radius, turn) {
  disc(pen, x, y, radius, "#22252a");
  disc(pen, x, y, radius * 0.55, "#b8bec6");
  pen.strokeStyle = "#22252a";
  pen.lineWidth = 2.5;
  pen.beginPath();
  for (let spoke = 0; spoke < 3; spoke += 1) {
    const angle = turn + (spoke * Math.PI) / 3;
    pen.moveTo(x - radius * 0.5 * Math.cos(angle), y - radius * 0.5 * Math.sin(angle));
    pen.lineTo(x + radius * 0.5 * Math.cos(angle), y + radius * 0.5 * Math.sin(angle));
  }
  pen.stroke();
}

const turned = (actor, now, radius) => (Math.abs(actor.speed) * (now - actor.from)) / radius;

function shadow(pen, width) {
  pen.fillStyle = "#00000033";
  pen.beginPath();
  pen.ellipse(0, 2, width / 2, 7, 0, 0, 2 * Math.PI);
  pen.fill();
}

function car(pen, actor, now) {
  shadow(pen, 176);
  block(pen, -84, -48, 168, 38, actor.colour, 14);
  shape(pen, [[-56, -46], [-34, -80], [30, -80], [58, -46]], actor.colour);
  shape(pen, [[-44, -48], [-28, -73], [-4, -73], [-4, -48]], "#bfe0ea");
  shape(pen, [[4, -48], [4, -73], [25, -73], [45, -48]], "#bfe0ea");
  block(pen, 74, -40, 11, 10, "#fff1b0", 4);
  block(pen, -85, -40, 8, 10, "#b3261e", 3);
  block(pen, -10, -40, 16, 3, "#00000040", 2);
  for (const x of [-50, 50]) wheel(pen, x, -12, 17, turned(actor, now, 17));
}

function van(pen, actor, now) {
  shadow(pen, 216);
  block(pen, -104, -104, 160, 94, actor.colour, 10);
  shape(pen, [[50, -92], [76, -92], [104, -52], [104, -12], [50, -12]], actor.colour);
  shape(pen, [[58, -84], [73, -84], [94, -54], [58, -54]], "#cfe8ef");
  block(pen, -92, -70, 132, 24, "#ffffff", 4);
  block(pen, 96, -42, 9, 12, "#fff1b0", 4);
  for (const x of [-60, 62]) wheel(pen, x, -12, 18, turned(actor, now, 18));
}

function bus(pen, actor, now) {
  shadow(pen, 320);
  block(pen, -156, -136, 312, 124, actor.colour, 14);
  block(pen, -156, -46, 312, 12, "#ffffffaa");
  for (let window = 0; window < 5; window += 1) block(pen, -142 + window * 48, -118, 40, 46, "#bfe0ea", 5);
  block(pen, 104, -118, 46, 86, "#d8eef3", 5);
  block(pen, 60, -132, 36, 12, "#1d232a", 3);
  block(pen, 148, -40, 9, 12, "#fff1b0", 4);
  for (const x of [-96, 96]) wheel(pen, x, -14, 20, turned(actor, now, 20));
}

function walker(pen, actor, now) {
  const swing = Math.sin((now - actor.from) * 7);
  shadow(pen, 40);
  pen.lineCap = "round";
  limb(pen, 0, -44, 16 * swing, -2, 9, "#2c3440");
  limb(pen, 0, -44, -16 * swing, -2, 9, "#39424f");
  block(pen, -14, -94, 28, 56, actor.colour, 12);
  limb(pen, 0, -84, -15 * swing, -52, 8, actor.colour);
  disc(pen, 1, -106, 13, "#e9b58f");
  shape(pen, [[-13, -108], [-9, -121], [4, -123], [13, -113], [-6, -108], [-12, -98]], actor.hair);
  if (actor.dog) dog(pen, swing);
}

function dog(pen, swing) {
  limb(pen, 8, -58, 50, -26, 2, "#45484e");
  block(pen, 46, -34, 44, 18, "#a5703f", 9);
  disc(pen, 92, -36, 10, "#a5703f");
  block(pen, 96, -36, 13, 8, "#8a5a30", 4);
  limb(pen, 47, -30, 36, -42, 5, "#a5703f");
  for (const [x, sign] of [[54, 1], [60, -1], [78, -1], [84, 1]]) limb(pen, x, -20, x + 7 * swing * sign, -2, 5, "#8a5a30");
}

function limb(pen, x, y, toX, toY, width, colour) {
  pen.strokeStyle = colour;
  pen.lineWidth = width;
  pen.beginPath();
  pen.moveTo(x, y);
  pen.lineTo(toX, toY);
  pen.stroke();
}
