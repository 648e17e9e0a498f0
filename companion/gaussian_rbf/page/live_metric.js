// Three Gaussians with one metric: its eigenvectors, and the gradients. As live_metric.py.
function scene({ stretch, angle }) {
  const CENTERS = [[0.6, 2.8], [-0.4, -2.8], [2.2, -0.6]], WEIGHTS = [1, -1, 0.4];
  const ANGLES = 60, AROUND = 48, REACH = [6, 5];
  const radians = (degrees) => (degrees * Math.PI) / 180;
  const metric = (degrees) => {
    const c = Math.cos(radians(degrees)), s = Math.sin(radians(degrees)), g = 1 / stretch;
    return [[c * c + g * s * s, c * s * (1 - g)], [c * s * (1 - g), s * s + g * c * c]];
  };
  const times = (A, [x, y]) => [A[0][0] * x + A[0][1] * y, A[1][0] * x + A[1][1] * y];
  const product = (A, B) => [0, 1].map((i) => [0, 1].map((j) =>
    A[i][0] * B[0][j] + A[i][1] * B[1][j]));
  const dot = ([a, b], [c, d]) => a * c + b * d;

  // the average gradient outer product under normal rows, in closed form
  const agop = (P) => {
    const A = [[1 + 2 * P[0][0], 2 * P[0][1]], [2 * P[1][0], 1 + 2 * P[1][1]]];
    const size = A[0][0] * A[1][1] - A[0][1] * A[1][0];
    const inverse = [[A[1][1] / size, -A[0][1] / size], [-A[1][0] / size, A[0][0] / size]];
    const total = [[0, 0], [0, 0]];
    CENTERS.forEach((a, i) => CENTERS.forEach((b, j) => {
      const mean = times(inverse, times(P, [a[0] + b[0], a[1] + b[1]]));
      const mass = WEIGHTS[i] * WEIGHTS[j] * Math.exp(
        -0.5 * (dot(a, times(P, a)) + dot(b, times(P, b))) + 0.5 * dot(mean, times(A, mean)));
      for (let k = 0; k < 2; k++) {
        for (let l = 0; l < 2; l++) {
          total[k][l] += mass * (inverse[k][l] + (mean[k] - a[k]) * (mean[l] - b[l]));
        }
      }
    }));
    const H = product(product(P, total), P);
    return H.map((row) => row.map((value) => value / Math.sqrt(size)));
  };
  const direction = (H) => {
    const turn = (0.5 * Math.atan2(2 * H[0][1], H[0][0] - H[1][1]) * 180) / Math.PI;
    return ((turn % 180) + 180) % 180;
  };
  const ofFeature1 = (degrees) => {
    const P = metric(degrees), H = agop(P);
    const c = Math.abs(Math.cos(radians(degrees))), s = Math.abs(Math.sin(radians(degrees)));
    const first = c + s / stretch, second = s + c / stretch;
    return [first / (first + second), P[0][0] / (P[0][0] + P[1][1]),
      H[0][0] / (H[0][0] + H[1][1])];
  };
  const named = (share) => Math.abs(share - 0.5) < 1e-9 ? "neither feature"
    : share > 0.5 ? "feature 1" : "feature 2";
  const ray = (degrees, length) => {
    const c = Math.cos(radians(degrees)), s = Math.sin(radians(degrees));
    return { x: [-length * c, length * c], y: [-length * s, length * s] };
  };
  const ellipse = ([x0, y0]) => {
    const c = Math.cos(radians(angle)), s = Math.sin(radians(angle)), x = [], y = [];
    for (let i = 0; i <= AROUND; i++) {
      const turn = (2 * Math.PI * i) / AROUND;
      const u = Math.cos(turn), v = Math.sqrt(stretch) * Math.sin(turn);
      x.push(x0 + c * u - s * v);
      y.push(y0 + s * u + c * v);
    }
    return { x, y };
  };

  const most = direction(agop(metric(angle)));
  let apart = Math.abs(most - angle);
  apart = Math.min(apart, 180 - apart);
  const now = ofFeature1(angle), turned = [], curves = [[], [], []];
  for (let i = 0; i <= ANGLES; i++) {
    turned.push((180 * i) / ANGLES);
    ofFeature1(turned[i]).forEach((share, k) => curves[k].push(share));
  }
  const agree = named(now[0]) === named(now[2]);
  const looks = [["eq. 5", "ours"], ["diagonal of P", "baseline"], ["gradients", "control"]];
  const ellipses = CENTERS.map((center) => ({
    kind: "line", ...ellipse(center), role: "muted", width: 1.4 }));
  ellipses[0].name = "distance 1 from a center";
  const some = (sign) => CENTERS.filter((_, i) => WEIGHTS[i] * sign > 0);
  const dots = (centers) => ({ x: centers.map((c) => c[0]), y: centers.map((c) => c[1]) });
  return {
    headline: `The output changes most along a direction ${fixed(apart, 0)}° off the first `
      + `eigenvector of P, which puts ${named(now[0])} first, ${agree ? "and" : "but"} the `
      + `gradients put ${named(now[2])} ${agree ? "too" : "first"}.`,
    detail: `Share of feature 1: ${percent(now[0], 0)} by eq. 5, ${percent(now[1], 0)} by `
      + `the diagonal of P, ${percent(now[2], 0)} by the gradients.`,
    panels: [
      {
        title: "Three centers in the plane",
        x: { label: "feature 1", domain: [-REACH[0], REACH[0]] },
        y: { label: "", domain: [-REACH[1], REACH[1]] },
        marks: [
          ...ellipses,
          { kind: "points", ...dots(some(1)), role: "truth", marker: "o", size: 4,
            name: "weight above 0" },
          { kind: "points", ...dots(some(-1)), role: "truth", marker: "o", open: true, size: 4,
            name: "below 0" },
          { kind: "line", ...ray(angle, 2.2), role: "ours", width: 3, name: "first of P" },
          { kind: "line", ...ray(most, 2.2), role: "control", width: 3,
            name: "first of the gradients" }],
      },
      {
        title: "Share of feature 1",
        x: { label: "angle of P (degrees)", domain: [0, 180] },
        y: { label: "", domain: [0, 1], percent: true },
        marks: [
          { kind: "rule", y: 0.5, role: "null" },
          { kind: "rule", x: angle, role: "muted", width: 1 },
          ...looks.map(([name, role], k) => ({
            kind: "line", x: turned, y: curves[k], role, name })),
          ...looks.map(([, role], k) => ({
            kind: "points", x: [angle], y: [now[k]], role }))],
      },
    ],
  };
}
