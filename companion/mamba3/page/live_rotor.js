// A state that turns by π − ε for each one it reads. The same numbers as live_rotor.py.
function scene({ error, ones, decay, length }, { gain }) {
  const steps = Math.min(length, 200), tokens = [];
  for (let i = 0; i <= steps; i++) tokens.push(Math.round((i * length) / steps));

  // the contrast that n ones leave, and the counts in the order of their contrast
  const turned = Float64Array.from({ length: length + 1 }, (_, n) => Math.cos(error * n));
  const order = Uint16Array.from(turned.keys()).sort((m, n) => turned[m] - turned[n] || m - n);
  const logFactorial = new Float64Array(length + 1);
  for (let n = 1; n <= length; n++) logFactorial[n] = logFactorial[n - 1] + Math.log(n);
  const logOne = Math.log(ones), logZero = ones < 1 ? Math.log1p(-ones) : 0;

  const mean = [], low = [], high = [], accuracy = [], chance = new Float64Array(length + 1);
  for (const t of tokens) {
    const fade = Math.exp(-decay * t), first = ones < 1 ? 0 : t; // all ones: n = t for certain
    let average = 0, right = 0;
    for (let n = first; n <= t; n++) {
      const p = Math.exp(logFactorial[t] - logFactorial[n] - logFactorial[t - n]
        + n * logOne + (t - n) * logZero);
      chance[n] = p;
      average += p * turned[n];
      if (p > 1e-14) right += p / (1 + Math.exp(-gain * fade * turned[n]));
    }
    let below = 0, tenth = null, ninth = null;
    for (const n of order) {
      if (n > t || n < first) continue;
      below += chance[n];
      if (tenth === null && below >= 0.1) tenth = turned[n];
      if (below >= 0.9) { ninth = turned[n]; break; }
    }
    mean.push(fade * average);
    low.push(fade * tenth);
    high.push(fade * ninth);
    accuracy.push(right);
  }

  const end = accuracy[steps], quarter = error > 0 ? Math.PI / (2 * error * ones) : Infinity;
  const turn = `Turning by π\u00a0−\u00a0${fixed(error, 3)} for each one`;
  const verdict = end < 0.45 ? "worse than a coin"
    : end <= 0.55 ? "no better than a coin"
    : quarter < length ? "better than a coin again, since the state has turned on"
    : end < 0.95 ? "better than a coin" : "reliable";
  const why = error === 0 ? "The half turn is exact, so that only decay can blur the count."
    : quarter < length
      ? `${turn}, the state is a quarter turn off after about ${fixed(quarter, 0)} tokens.`
      : `${turn}, the state is not yet a quarter turn off.`;
  const x = { label: "tokens read", domain: [0, length] };
  const off = quarter < length
    ? [{ kind: "rule", x: quarter, role: "truth", width: 1, name: "a quarter turn off" }] : [];
  return {
    headline: `After ${length} tokens ${percent(end, 0)} of the answers are right: `
      + `${verdict}.`,
    detail: `${why} Decay has left ${percent(Math.exp(-decay * length), 0)} of its contrast.`,
    panels: [
      { title: "Contrast of odd and even", x, y: { label: "", domain: [-1, 1] }, marks: [
        { kind: "rule", y: 0, role: "null", name: "none left" }, ...off,
        { kind: "band", x: tokens, low, high, role: "ours", name: "10 to 90 % of strings" },
        { kind: "line", x: tokens, y: mean, role: "ours", name: "mean" }] },
      { title: "Right answers", x, y: { label: "", domain: [0, 1], percent: true }, marks: [
        { kind: "rule", y: 0.5, role: "null", name: "a coin" }, ...off,
        { kind: "line", x: tokens, y: accuracy, role: "ours", name: "this state", width: 2.4 },
        { kind: "points", x: [length], y: [end], role: "ours", size: 4 }] },
    ],
  };
}
