// Draws the latest readings as a line, in an SVG with the paths "area", "line" and "dot".

const KEPT = 60;
const WIDTH = 600;
/** The y coordinates of the values 100 and 0. */
const [TOP, BOTTOM] = [10, 170];

export class Sparkline {
  #values = [];
  #svg;
  #caption;

  constructor(svg, caption) {
    this.#svg = svg;
    this.#caption = caption;
    this.clear();
  }

  clear() {
    this.#values = [];
    this.#draw();
  }

  add(value) {
    this.#values = [...this.#values, value].slice(-KEPT);
    this.#draw();
  }

  #draw() {
    const values = this.#values;
    const step = WIDTH / Math.max(values.length - 1, 1);
    const points = values.map((value, index) => [index * step, BOTTOM - ((BOTTOM - TOP) * value) / 100]);
    const line = points.map(([x, y]) => `${x.toFixed(1)} ${y.toFixed(1)}`).join("L");
    const last = points.at(-1) ?? [];
    this.#path("line", line && `M${line}`);
    this.#path("area", line && `M${line}L${last[0].toFixed(1)} ${BOTTOM}H0Z`);
    this.#path("dot", line && `M${last.join(" ")}h0`);
    this.#caption.textContent =
      values.length < 2
        ? "The line grows with each new reading."
        : `The last ${values.length} readings: lowest ${Math.min(...values)}, highest ${Math.max(...values)}.`;
  }

  #path(name, d) {
    this.#svg.querySelector(`.${name}`).setAttribute("d", d);
  }
}
