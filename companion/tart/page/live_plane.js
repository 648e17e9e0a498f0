// Two clouds read by one line, logistic regression and the module (a table). As live_plane.py.
function scene({ size: place, gap, coordinates }, data) {
  const SIZES = [4, 8, 16, 32, 64], REACH = [5, 4.2], LENGTH = 3.6, NEWTON = 30;
  const STRETCH = [0.9, 0.45], ACROSS = [0.45, 0.9];
  const NAMES = [["mean difference", "one line"], ["logistic, C = 1", "logistic, C = 1"],
    ["module", "module"]];
  const points = (noise) => noise.map(([a, b], i) => [
    STRETCH[0] * a + STRETCH[1] * b + ((i % 2) - 0.5) * gap, ACROSS[0] * a + ACROSS[1] * b]);
  const solve = ([[a, b], [c, d]], [e, f]) => {
    const size = a * d - b * c;
    return [(d * e - b * f) / size, (a * f - c * e) / size];
  };

  // any square root of the inverse covariance gives the same scores as the principal axes
  const coordinatesOf = (context) => {
    const n = context.length;
    const mean = [0, 1].map((j) => context.reduce((sum, x) => sum + x[j], 0) / n);
    if (coordinates !== "white")
      return { mean, to: ([x, y]) => [x - mean[0], y - mean[1]], back: (w) => w };
    const cov = (i, j) => context.reduce(
      (sum, x) => sum + (x[i] - mean[i]) * (x[j] - mean[j]), 0) / (n - 1);
    const a = Math.sqrt(cov(0, 0)), b = cov(0, 1) / a, c = Math.sqrt(cov(1, 1) - b * b);
    return {
      mean,
      to: ([x, y]) => {
        const first = (x - mean[0]) / a;
        return [first, (y - mean[1] - b * first) / c];
      },
      back: ([u, v]) => [(u - (b * v) / c) / a, v / c],
    };
  };
  const oneLine = (z) => [0, 1].map((j) => z.reduce(
    (sum, x, i) => sum + (i % 2 ? 1 : -1) * x[j], 0));
  const logistic = (z) => {
    let w = [0, 0];
    for (let step = 0; step < NEWTON; step++) {
      const gradient = [w[0], w[1]], H = [[1, 0], [0, 1]];
      z.forEach((x, i) => {
        const p = 1 / (1 + Math.exp(-(x[0] * w[0] + x[1] * w[1]))), s = p * (1 - p);
        for (let j = 0; j < 2; j++) {
          gradient[j] += x[j] * (p - (i % 2));
          for (let k = 0; k < 2; k++) H[j][k] += s * x[j] * x[k];
        }
      });
      const change = solve(H, gradient);
      w = [w[0] - change[0], w[1] - change[1]];
    }
    return w;
  };

  const queries = points(data.asked), n = queries.length;
  const column = Math.round((gap - 0.5) / 0.25);
  const decided = (k) => {
    const context = points(data.shown.slice(0, k));
    const { mean, to, back } = coordinatesOf(context), z = context.map(to);
    const lines = [back(oneLine(z)), back(logistic(z))];
    const said = lines.map((w) => queries.map(
      (x) => (x[0] - mean[0]) * w[0] + (x[1] - mean[1]) * w[1] > 0));
    said.push([...data.says[coordinates][SIZES.indexOf(k)][column]].map((bit) => bit === "1"));
    const right = said.map((one) => one.filter((s, i) => s === (i % 2 === 1)).length / n);
    return { context, mean, lines, said, right };
  };
  const line = (mean, w) => {
    const length = Math.hypot(...w), u = [-w[1] / length, w[0] / length];
    return { x: [mean[0] - LENGTH * u[0], mean[0] + LENGTH * u[0]],
      y: [mean[1] - LENGTH * u[1], mean[1] + LENGTH * u[1]] };
  };
  const dots = (x, look) => ({
    kind: "points", x: x.map((p) => p[0]), y: x.map((p) => p[1]), ...look });

  const k = SIZES[place], { context, mean, lines, said, right } = decided(k);
  const alike = said[2].filter((s, i) => s === said[0][i]).length / n;
  const curves = SIZES.map((size) => decided(size).right);
  const share = right.map((value) => percent(value, 0));
  const how = coordinates === "white" ? "in white coordinates (eq. 5)"
    : "with their mean subtracted alone";
  return {
    headline: `Of ${n} new points one line gets ${share[0]} right, `
      + `logistic, C = 1 ${share[1]}, the module ${share[2]}.`,
    detail: `Module and one line decide alike on ${percent(alike, 0)}, from ${k} examples ${how}.`,
    panels: [
      {
        title: "Examples, and what the module says",
        x: { label: "", domain: [-REACH[0], REACH[0]] },
        y: { label: "", domain: [-REACH[1], REACH[1]] },
        marks: [
          dots(queries.filter((_, i) => said[2][i]), { role: "module", marker: "^", size: 2,
            opacity: 0.45, name: "module says 1" }),
          dots(queries.filter((_, i) => !said[2][i]), { role: "muted", marker: "o", size: 2,
            opacity: 0.6, name: "module says 0" }),
          dots(context.filter((_, i) => i % 2), { role: "truth", marker: "^", size: 4,
            name: "label 1" }),
          dots(context.filter((_, i) => i % 2 === 0), { role: "truth", marker: "o", open: true,
            size: 4, name: "label 0" }),
          ...lines.map((w, i) => ({
            kind: "line", ...line(mean, w), role: NAMES[i][0], width: 2.4 }))],
      },
      {
        title: "Accuracy on new points",
        x: { label: "labeled examples", domain: [3.5, 74], scale: "log",
          ticks: SIZES.map((size) => [size, String(size)]) },
        y: { label: "", domain: [0.4, 1], percent: true },
        marks: [
          { kind: "rule", x: k, role: "muted", width: 1 },
          ...NAMES.map(([role, name], i) => ({
            kind: "line", x: SIZES, y: curves.map((one) => one[i]), role, name })),
          ...NAMES.map(([role], i) => ({
            kind: "points", x: [k], y: [right[i]], role }))],
      },
    ],
  };
}
