// One group of 32 numbers in four bits, by three quantizers. The same numbers as live_rounding.py.
function scene({ row, draws, size, shift }, data) {
  const sum = (values) => values.reduce((total, v) => total + v, 0);
  const floorPower = (v) => Math.floor(Math.log2(v));
  const x = data.rows[row].map((v) => v * Math.pow(2, size));
  const largest = Math.max(...x.map(Math.abs)), middle = sum(x) / x.length;
  const deviation = Math.sqrt(sum(x.map((v) => (v - middle) ** 2)) / x.length);
  const absmax = (4 / 3) * Math.pow(2, floorPower(largest) - 2 + shift);
  const quest = Math.pow(2, floorPower(data.c * deviation + 1e-8) + shift);

  // equation 1; u = 1/2 rounds to nearest, a draw from [0, 1) stochastically
  const onGrid = (v, scale, u) => {
    const z = Math.max(-6, Math.min(6, v / scale));
    const step = Math.max(Math.pow(2, floorPower(Math.max(Math.abs(z), 0.25))), 1) / 2;
    return step * Math.floor(z / step + u) * scale;
  };
  const power = sum(x.map((v) => v * v));
  const off = (q) => sum(q.map((v, i) => (v - x[i]) ** 2)) / power;
  const along = (q) => sum(q.map((v, i) => v * x[i])) / power;
  const total = x.map(() => 0), curve = [];
  let mean = null;
  data.draws.forEach((uniform, k) => {
    x.forEach((v, i) => { total[i] += onGrid(v, absmax, uniform[i]); });
    const now = total.map((v) => v / (k + 1));
    curve.push(off(now));
    if (k + 1 === draws) mean = now;
  });
  const shown = { RTN: x.map((v) => onGrid(v, absmax, 0.5)), SR: mean,
    QuEST: x.map((v) => onGrid(v, quest, 0.5)) };
  const names = Object.keys(shown), error = {}, kept = {};
  for (const name of names) { error[name] = off(shown[name]); kept[name] = along(shown[name]); }
  const clipped = (scale) => x.filter((v) => Math.abs(v) > 6 * scale).length;
  const listed = (shares) => names.map((name) => `${name} ${percent(shares[name], 1)}`).join(", ");
  const least = names.reduce((best, name) => error[name] < error[best] ? name : best);
  const rank = x.map((_, i) => i + 1), edge = 1.08 * Math.max(6 * absmax, largest);
  const above = data.magnitudes.map((m) => m * absmax);
  const grid = [...above.slice(1).map((m) => -m).reverse(), ...above];
  const [floor, top] = data.domain, counts = data.draws.map((_, k) => k + 1);
  const seen = (e) => Math.max(floor, e);
  return {
    headline: `${draws === 1 ? "One draw" : `The mean of ${draws} draws`}: ${least} is closest. `
      + `Squared error ${listed(error)}.`,
    detail: `Length along the row: ${listed(kept)}. Clipped: ${clipped(absmax)} by the scale `
      + `${fixed(absmax, 2)} of RTN and SR, ${clipped(quest)} by QuEST's ${fixed(quest, 2)}.`,
    panels: [
      { title: "The row and its grid",
        x: { label: "the 32 numbers, sorted", domain: [0, x.length + 1] },
        y: { label: "", domain: [-edge, edge] },
        marks: [
          ...grid.map((y) => ({ kind: "rule", y, role: "muted", width: 0.6, opacity: 0.6 })),
          { kind: "line", x: rank, y: x, role: "truth", name: "row" },
          ...names.map((name) => ({ kind: "points", x: rank, y: shown[name], role: name,
            size: 3.5, open: name === "QuEST",
            name: name !== "SR" || draws === 1 ? name : `SR, mean of ${draws}` }))] },
      { title: "Squared error",
        x: { label: "draws averaged", domain: [1, counts.length], scale: "log" },
        y: { label: "", domain: [floor, top], scale: "log", ticks: data.ticks },
        marks: [
          ...["RTN", "QuEST"].map((name) =>
            ({ kind: "rule", y: seen(error[name]), role: name, name })),
          { kind: "line", x: counts, y: curve.map(seen), role: "SR", name: "SR" },
          { kind: "points", x: [draws], y: [seen(error.SR)], role: "SR", size: 5 }] },
    ],
  };
}
