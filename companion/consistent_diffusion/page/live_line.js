// Two modes on a line: the law and the score of an energy at small t, and Langevin dots that move
// here. The words and numbers of live_line.py.
function scene({ penalty, draw, time }, data) {
  const LOW = -11, STEP = 0.1, CELLS = 221, DOTS = 40, DT = 0.05, TOP = 0.6;
  const sum = (v) => v.reduce((a, b) => a + b, 0);
  const model = data.models[penalty][Math.round(draw) - 1], ticks = Math.round(time / DT);
  const density = (log) => {
    const top = Math.max(...log), masses = log.map((v) => Math.exp(v - top));
    const total = sum(masses) * STEP;
    return masses.map((m) => m / total);
  };
  const at = (score, x) => {
    const place = Math.min(Math.max((x - LOW) / STEP, 0), CELLS - 1.000001);
    const cell = Math.floor(place), part = place - cell;
    return score[cell] * (1 - part) + score[cell + 1] * part;
  };
  let dots = data.start.slice();
  const kick = Math.sqrt(2 * DT);
  for (let tick = 0; tick < ticks; tick++) {
    const row = data.kicks[tick];
    dots = dots.map((one, i) =>
      Math.min(Math.max(one + DT * at(model.score, one) + kick * row[i], LOW), -LOW));
  }
  const law = density(model.log), truth = density(data.truth.log);
  const x = Array.from({ length: CELLS }, (_, i) => LOW + STEP * i);
  const right = sum(law.filter((_, i) => x[i] > 0)) * STEP;
  let js = 0;
  law.forEach((a, i) => {
    const b = truth[i];
    if (a > 1e-300) js += 0.5 * a * Math.log((2 * a) / (a + b));
    if (b > 1e-300) js += 0.5 * b * Math.log((2 * b) / (a + b));
  });
  js *= STEP;
  const role = penalty === "none" ? "Diffusion" : "Fokker-Planck";
  const words = penalty === "none" ? "Without the penalty" : "With the penalty";
  const near = dots.filter((one) => Math.min(Math.abs(one - 5), Math.abs(one + 5)) < 3).length;
  const low = (v) => Math.min(v, TOP), inside = (v) => Math.min(Math.max(v, -8), 8);
  const line = (y, more) => ({ kind: "line", x, y, ...more });
  return {
    headline: `${words} the law of simulation has ${percent(right, 0)} of its mass right of 0, ` +
      "the data have 80\u00a0%.",
    detail: `It is ${fixed(js, 3)} nats from the truth; after a time of ${fixed(time, 1)}, ` +
      `${near} of ${DOTS} dots are within 3 of a mode.`,
    panels: [
      {
        title: "Density at t = 0.00001",
        x: { label: "x", domain: [-10, 10] },
        y: { label: "", domain: [-0.08, TOP] },
        marks: [
          line(truth.map(low), { role: "truth", dash: "2 3", name: "truth" }),
          line(law.map(low), { role, width: 2.2, name: "law of simulation" }),
          {
            kind: "points", x: dots, y: dots.map((_, i) => -0.02 - 0.012 * (i % 5)), role,
            marker: "o", size: 2.5, name: "simulated",
          },
        ],
      },
      {
        title: "Score at t = 0.00001",
        x: { label: "x", domain: [-10, 10] },
        y: { label: "", domain: [-8, 8] },
        marks: [
          line(data.truth.score.map(inside), { role: "truth", dash: "2 3", name: "exact" }),
          line(model.score.map(inside), { role, width: 2.2, name: "learned" }),
        ],
      },
    ],
  };
}
