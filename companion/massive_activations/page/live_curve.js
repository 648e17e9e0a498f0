// Eq. 9 over a layer's points. The same words and numbers as live_curve.py.
function scene({ series: name, hidden, lam, gamma }, data) {
  const SPREAD = 1e-4;
  const sum = (v) => v.reduce((a, b) => a + b, 0);
  const series = data.series[name], { t, y } = series, every = t.length, end = t[every - 1];
  const seenPoints = (share) => t.filter((v) => v <= (1 - share) * end * (1 + 1e-9)).length;
  const n = seenPoints(hidden), seen = t.slice(0, n), values = y.slice(0, n);
  const mean = sum(values) / n;

  // the best t0 of the list; A and K by least squares
  let mine = null;
  for (const t0 of data.offsets) {
    const g = seen.map((v) => {
      const x = gamma * v + t0;
      return Math.exp(-lam * x) * Math.log(x);
    });
    const middle = sum(g) / n, c = g.map((v) => v - middle), size = sum(c.map((v) => v * v));
    const flat = Math.sqrt(size / n) < SPREAD * Math.max(Math.abs(middle), 1e-3);
    const A = flat ? 0 : sum(c.map((v, i) => v * (values[i] - mean))) / size;
    const K = mean - A * middle;
    const rss = sum(g.map((v, i) => (values[i] - A * v - K) ** 2));
    if (!mine || rss < mine.rss * (1 - 1e-9)) mine = { A, t0, K, rss };
  }
  const { A, t0, K, rss } = mine;

  // where it turns: Newton for x log x = 1 / lam
  let x = 1 / lam + 1;
  for (let i = 0; i < 80; i++) x -= (x * Math.log(x) - 1 / lam) / (Math.log(x) + 1);
  const peak = (x - t0) / gamma;

  const curve = ([A1, A2, beta, tau, plateau], v) =>
    Math.exp(-beta * v) * (A1 * Math.log(v + tau) + A2) + plateau;
  const best = series.best[n];
  const top = Math.max(...y), low = -3 * top, high = 2 * top;
  const clip = (v, a, b) => Math.min(b, Math.max(a, v));
  const grid = Array.from({ length: 121 }, (_, i) => (end * i) / 120);
  const yLow = -0.1 * top, yHigh = 1.25 * top;
  const fitted = grid.map((v) => clip(curve(best, v), yLow, yHigh));
  const number = (v) => (Math.abs(v) >= 1e-6 ? short(v) : "0");

  const total = sum(values.map((v) => (v - mean) ** 2)), r2 = 1 - rss / total;
  const fittedR2 = 1 - sum(seen.map((v, i) => (curve(best, v) - values[i]) ** 2)) / total;
  const size = top - Math.min(...y), late = t.slice(n), left = y.slice(n);
  const miss = (f) =>
    percent(Math.sqrt(sum(late.map((v, i) => (f(v) - left[i]) ** 2)) / late.length) / size, 0);
  const own = (v) => {
    const at = gamma * v + t0;
    return A * Math.exp(-lam * at) * Math.log(at) + K;
  };
  const missed = late.length === 0 ? "Nothing is hidden."
    : `Hidden points missed by ${miss((v) => curve(best, v))} and ${miss(own)} of the range; `
      + `last value: ${miss(() => y[n - 1])}.`;
  const drawn = grid.map((v) => clip(own(v), yLow, yHigh));
  const turn = peak <= 0 ? "it never turns"
    : peak < end ? `it turns at step ${number(peak)}` : "it turns after the end";
  const points = (px, py, label, open) => (px.length ? [{ kind: "points", x: px, y: py,
    role: "paper", marker: "o", open, size: 2.6, name: label }] : []);
  return {
    headline: `The best fit to ${n} of ${every} points has its plateau at K = ${number(best[4])}, `
      + `your curve at ${number(K)}: R² ${fixed(fittedR2, 3)} and ${fixed(r2, 3)}.`,
    detail: `${missed} Yours: A ${number(A)}, t0 ${number(t0)}; ${turn}.`,
    panels: [
      { title: "Ratio while training", x: { label: "training step", domain: [0, end] },
        y: { label: "", domain: [yLow, yHigh] },
        marks: [
          ...points(late, left, "hidden", true), ...points(seen, values, "seen", false),
          { kind: "line", x: grid, y: fitted, role: "baseline", name: "best fit" },
          { kind: "line", x: grid, y: drawn, role: "ours", name: "yours" }] },
      { title: "Plateau K",
        x: { label: "share of training hidden", domain: [0, data.shares[data.shares.length - 1]],
          percent: true },
        y: { label: "", domain: [low, high] },
        marks: [
          { kind: "rule", y: top, role: "muted", name: "largest ratio" },
          { kind: "line", x: data.shares,
            y: data.shares.map((s) => clip(series.best[seenPoints(s)][4], low, high)),
            role: "baseline", name: "best fit" },
          { kind: "points", x: [hidden], y: [clip(best[4], low, high)], role: "baseline", size: 5 },
          { kind: "points", x: [hidden], y: [clip(K, low, high)], role: "ours", size: 5,
            name: "yours" }] },
    ],
  };
}
