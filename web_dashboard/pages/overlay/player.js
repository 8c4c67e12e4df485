// Plays what comes, after a short pause in which enough is gathered that an uneven network is not heard.

const GATHER = 0.15; // seconds
const KEPT = 30; // seconds that may wait: the oldest give way
const FADE = 0.005; // seconds in which what is dropped falls silent, without a click

class Player extends AudioWorkletProcessor {
  #ring = new Float32Array(KEPT * sampleRate);
  #read = 0;
  #held = 0;
  #gathered = 0; // frames since the first came, while nothing is played
  #playing = false;
  #fading = 0; // frames left of a fade

  constructor() {
    super();
    this.port.onmessage = ({ data }) => (data ? this.#put(data) : this.#drop());
  }

  process(_, [[out]]) {
    if (this.#fading) this.#fade(out);
    else this.#play(out);
    return true;
  }

  #put(samples) {
    if (this.#fading) this.#clear(); // what is new does not wait for the end of what was dropped
    const size = this.#ring.length;
    for (const sample of samples) {
      this.#ring[(this.#read + this.#held) % size] = sample / 32768;
      if (this.#held < size) this.#held += 1;
      else this.#read = (this.#read + 1) % size;
    }
  }

  #play(out) {
    if (!this.#playing) {
      this.#gathered = this.#held ? this.#gathered + out.length : 0;
      this.#playing = this.#gathered >= GATHER * sampleRate;
      if (!this.#playing) return;
    }
    const take = Math.min(out.length, this.#held);
    for (let at = 0; at < take; at += 1) out[at] = this.#ring[(this.#read + at) % this.#ring.length];
    this.#read = (this.#read + take) % this.#ring.length;
    this.#held -= take;
    if (!this.#held) {
      this.#playing = false;
      this.#gathered = 0;
    }
  }

  #drop() {
    if (this.#playing && this.#held) this.#fading = Math.min(this.#held, Math.ceil(FADE * sampleRate));
    else this.#clear();
  }

  #fade(out) {
    const whole = FADE * sampleRate;
    const take = Math.min(out.length, this.#fading);
    for (let at = 0; at < take; at += 1)
      out[at] = this.#ring[(this.#read + at) % this.#ring.length] * ((this.#fading - at) / whole);
    this.#read = (this.#read + take) % this.#ring.length;
    this.#fading -= take;
    if (!this.#fading) this.#clear();
  }

  #clear() {
    this.#held = this.#fading = this.#gathered = 0;
    this.#playing = false;
  }
}

registerProcessor("player", Player);
