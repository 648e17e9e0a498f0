// The law, fitted in the page by variable projection (see varpro.py). The words and numbers of
// live_fit.py, up to what two solvers differ by.
function scene({ family, runs, cut, noise }, data) {
  const LOW = 0.02, HIGH = 40, GRID = 33, CAP = 20;
  const sum = (v) => v.reduce((a, b) => a + b, 0);
  const range = (n, f) => Array.from({ length: n }, (_, i) => f(i));
  const dot = (a, b) => {
    let s = 0;
    for (let i = 0; i < a.length; i++) s += a[i] * b[i];
    return s;
  };
  const clip = (v) => Math.min(HIGH, Math.max(LOW, v));
  const { N, D, loss, z, names, axes } = data.families[family];

  // J(alpha, beta), the least sum of squares over E, A, B >= 0, for all pairs of exponents.
  // points: x (log N of each size), index (size of each point), y (log D), loss; both logs less
  // their least
  function projected({ x, index, y, loss }, alphas, betas) {
    const n = loss.length, mean = sum(loss) / n, l = loss.map((v) => v - mean), ll = dot(l, l);
    const count = x.map((_, i) => index.filter((j) => j === i).length);
    const us = alphas.map((alpha) => {
      const u = x.map((v) => Math.expm1(-alpha * v)), center = dot(u, count) / n;
      const c = u.map((v) => v - center), ul = index.reduce((s, j, i) => s + c[j] * l[i], 0);
      return { c, uu: c.reduce((s, v, i) => s + count[i] * v * v, 0), ul, mean: center + 1 };
    });
    const vs = betas.map((beta) => {
      const v = y.map((w) => Math.expm1(-beta * w)), center = sum(v) / n;
      const c = v.map((w) => w - center), per = x.map(() => 0);
      c.forEach((w, i) => { per[index[i]] += w; });
      return { per, vv: dot(c, c), vl: dot(c, l), mean: center + 1 };
    });
    const pair = (uu, uv, vv, ul, vl) => {
      const d = uu * vv - uv * uv;
      return [(vv * ul - uv * vl) / d, (uu * vl - uv * ul) / d];
    };
    return us.map((u) => vs.map((v) => {
      let best = ll; // E alone
      const offer = (sse, ...coefficients) => {
        if (sse < best && coefficients.every((c) => c >= 0)) best = sse;
      };
      const uv = dot(u.c, v.per);
      let [A, B] = pair(u.uu, uv, v.vv, u.ul, v.vl);
      offer(ll - A * u.ul - B * v.vl, A, B, mean - A * u.mean - B * v.mean);
      A = u.ul / u.uu;
      offer(ll - A * u.ul, A, mean - A * u.mean);
      B = v.vl / v.vv;
      offer(ll - B * v.vl, B, mean - B * v.mean);
      // without E the sums are about zero, not about the mean
      const uu = u.uu + n * u.mean ** 2, vv = v.vv + n * v.mean ** 2, all = ll + n * mean ** 2;
      const ul = u.ul + n * u.mean * mean, vl = v.vl + n * v.mean * mean;
      [A, B] = pair(uu, uv + n * u.mean * v.mean, vv, ul, vl);
      offer(all - A * ul - B * vl, A, B);
      offer(all - (ul * ul) / uu, ul);
      offer(all - (vl * vl) / vv, vl);
      return best;
    }));
  }

  // E, A, B >= 0 at fixed exponents: Gram-Schmidt, twice, on each subset; the best feasible one
  function linear(points, alpha, beta) {
    const columns = [points.loss.map(() => 1), points.X.map((v) => Math.exp(-alpha * v)),
      points.y.map((v) => Math.exp(-beta * v))];
    let best = null;
    for (const use of [[0, 1, 2], [0, 1], [0, 2], [1, 2], [0], [1], [2]]) {
      const Q = [], R = use.map(() => [0, 0, 0]), r = points.loss.slice();
      const project = (q, note) => Q.forEach((p, i) => {
        const d = dot(p, q);
        note(i, d);
        for (let j = 0; j < q.length; j++) q[j] -= d * p[j];
      });
      use.forEach((c, k) => {
        const q = columns[c].slice();
        for (let again = 0; again < 2; again++) project(q, (i, d) => { R[i][k] += d; });
        R[k][k] = Math.sqrt(dot(q, q));
        Q.push(q.map((v) => v / R[k][k]));
      });
      const w = [];
      project(r, (i, d) => { w[i] = d; });
      for (let i = use.length - 1; i >= 0; i--) {
        for (let k = i + 1; k < use.length; k++) w[i] -= R[i][k] * w[k];
        w[i] /= R[i][i];
      }
      const cost = dot(r, r);
      if (!w.every((v) => v >= 0) || (best && cost >= best.cost)) continue;
      const coefficients = [0, 0, 0];
      use.forEach((c, i) => { coefficients[c] = w[i]; });
      best = { coefficients, r, cost, Q, columns };
      if (use.length === 3) break; // the unconstrained minimum is feasible
    }
    return best;
  }

  // Levenberg and Marquardt's steps on the projected residual (Kaufman's Jacobian), in both
  // exponents; one at its bound is held
  function polish(points, alpha, beta) {
    let now = linear(points, alpha, beta), damping = 1e-3;
    for (let step = 0; step < 100 && damping < 1e9; step++) {
      const [, A, B] = now.coefficients;
      const J = [points.X.map((v, i) => v * now.columns[1][i] * A),
        points.y.map((v, i) => v * now.columns[2][i] * B)];
      for (const j of J) for (const q of now.Q) {
        const d = dot(q, j);
        for (let i = 0; i < j.length; i++) j[i] -= d * q[i];
      }
      const aa = dot(J[0], J[0]), ab = dot(J[0], J[1]), bb = dot(J[1], J[1]);
      const ga = -dot(J[0], now.r), gb = -dot(J[1], now.r);
      const free = (v, g) => !((v <= LOW && g < 0) || (v >= HIGH && g > 0));
      const useA = aa > 0 && free(alpha, ga), useB = bb > 0 && free(beta, gb);
      for (; damping < 1e9; damping *= 8) {
        const a2 = aa * (1 + damping), b2 = bb * (1 + damping), det = a2 * b2 - ab * ab;
        const both = useA && useB;
        const da = both ? (b2 * ga - ab * gb) / det : useA ? ga / a2 : 0;
        const db = both ? (a2 * gb - ab * ga) / det : useB ? gb / b2 : 0;
        const a = clip(alpha + da), b = clip(beta + db), next = linear(points, a, b);
        if (next.cost > now.cost * (1 + 1e-14)) continue;
        const moved = Math.abs(a - alpha) + Math.abs(b - beta);
        [alpha, beta, now] = [a, b, next];
        damping = moved > 1e-12 ? damping / 8 : Infinity;
        break;
      }
    }
    return { alpha, beta, coefficients: now.coefficients, cost: now.cost };
  }

  // a grid over all exponents, finer ones around its three lowest minima, and the polish
  function search(points) {
    const ratio = HIGH / LOW, grid = range(GRID, (i) => LOW * ratio ** (i / (GRID - 1)));
    const J = projected(points, grid, grid), minima = [];
    const around = [-1, 0, 1].flatMap((a) => [-1, 0, 1].map((b) => [a, b]));
    J.forEach((row, i) => row.forEach((v, j) => {
      if (around.every(([a, b]) => !J[i + a] || !(J[i + a][j + b] < v)))
        minima.push([v, grid[i], grid[j]]);
    }));
    minima.sort((p, q) => p[0] - q[0]);
    let best = null;
    for (let [, alpha, beta] of minima.slice(0, 3)) {
      let step = Math.log(ratio) / (GRID - 1);
      for (let zoom = 0; zoom < 4; zoom++, step /= 4) {
        const near = (v) => range(9, (i) => clip(v * Math.exp(step * (i / 4 - 1))));
        const alphas = near(alpha), betas = near(beta);
        let least = Infinity;
        projected(points, alphas, betas).forEach((row, i) => row.forEach((v, j) => {
          if (v < least) [least, alpha, beta] = [v, alphas[i], betas[j]];
        }));
      }
      const found = polish(points, alpha, beta);
      if (!best || found.cost < best.cost) best = found;
    }
    return best;
  }

  // the protocol: checkpoints after a share of the longest run, but for its last one
  const noisy = loss.map((row, i) => row.map((v, j) => v * Math.exp(noise * z[i][j])));
  function chosen(share, skip = -1) {
    const who = range(runs, (i) => i).filter((i) => i !== skip);
    const end = Math.max(...who.map((i) => D[i][D[i].length - 1]));
    const used = { N: [], D: [], loss: [] }, thrown = { D: [], loss: [] };
    for (const i of who) D[i].forEach((d, j) => {
      const into = d > share * end && d < end ? used : thrown;
      if (into.N) into.N.push(N[i]);
      into.D.push(d);
      into.loss.push(noisy[i][j]);
    });
    return { used, thrown };
  }
  function fit({ used }) {
    const sizes = [...new Set(used.N)], leastN = Math.log(Math.min(...sizes));
    const leastD = Math.log(Math.min(...used.D)), x = sizes.map((s) => Math.log(s) - leastN);
    const index = used.N.map((v) => sizes.indexOf(v)), y = used.D.map((v) => Math.log(v) - leastD);
    const { alpha, beta, coefficients: [E, A, B] } =
      search({ x, index, X: index.map((i) => x[i]), y, loss: used.loss });
    return (n, d) => E + A * Math.exp(-alpha * (Math.log(n) - leastN))
      + B * Math.exp(-beta * (Math.log(d) - leastD));
  }

  // the target: the last 30 % of the largest run
  const last = N.length - 1, T = D[last][D[last].length - 1];
  const late = D[last].map((_, j) => j).filter((j) => D[last][j] >= 0.7 * T);
  const are = (predict) => 100 * sum(late.map((j) =>
    Math.abs(predict(N[last], D[last][j]) / loss[last][j] - 1))) / late.length;
  const shares = data.shares, name = `${family} ${runs} ${noise}`;
  const memory = scene.memory || (scene.memory = new Map());
  if (memory.size > 200) memory.clear();
  if (!memory.has(name)) memory.set(name, shares.map((share) => are(fit(chosen(share)))));

  const { used, thrown } = chosen(cut), law = fit({ used }), error = are(law);
  const seen = Math.min(...used.loss), floor = are(() => seen);
  const largest = names[last], ends = loss[last].length - 1;
  // the law without each run in turn, where three sizes are left
  const laws = runs > 3 ? range(runs, (i) => fit(chosen(cut, i))) : [];
  const others = D[last].map((d) => laws.map((one) => one(N[last], d)));
  const low = others.map((v) => Math.min(...v)), high = others.map((v) => Math.max(...v));
  const band = laws.length ? [{ kind: "band", x: D[last], low, high, role: "ours",
    name: "one run left out" }] : [];
  const left = laws.length ? ` Leaving one run out: ${fixed(low[ends], 2)} to `
    + `${fixed(high[ends], 2)}.` : "";
  const from = cut > 0 ? `without the first ${percent(cut, 0)}` : "from the start";
  const spoiled = noise > 0 ? `with ${percent(noise, 1)} of noise` : "as measured";
  const lines = (first, stop, rows, look, label) => rows.slice(first, stop).map((y, i) =>
    ({ kind: "line", x: D[first + i], y, ...look, ...(i === 0 && label ? { name: label } : {}) }));
  return {
    headline: `Error ${percent(error / 100, 1)}: ${fixed(law(N[last], T), 2)} predicted for the `
      + `end of the ${largest} run, ${fixed(loss[last][ends], 2)} measured.`,
    detail: `Fitted: ${runs} runs up to ${names[runs - 1]}, ${from}, ${spoiled}. `
      + `The best loss among them is ${percent(floor / 100, 1)} off.${left}`,
    panels: [
      { title: "Loss while training", x: { label: "tokens seen", domain: axes.x, scale: "log" },
        y: { label: axes.label, domain: axes.y }, marks: [
          ...band, ...lines(runs, last, loss, { role: "muted", width: 1.2 }, "not used"),
          ...lines(0, runs, noisy, { role: "paper", width: 1, opacity: 0.5, dash: "" }),
          { kind: "points", x: thrown.D, y: thrown.loss, role: "paper", marker: "o", open: true,
            size: 2, name: "thrown away" },
          { kind: "points", x: used.D, y: used.loss, role: "paper", marker: "o", size: 2.2,
            name: "fitted" },
          { kind: "rule", y: seen, role: "baseline", name: "best loss fitted" },
          { kind: "line", x: D[last], y: loss[last], role: "truth", name: largest },
          { kind: "line", x: D[last], y: D[last].map((d) => law(N[last], d)), role: "ours",
            width: 2.4, name: "predicted" }] },
      { title: "Error of the prediction",
        x: { label: "share of tokens thrown away", domain: [0, shares[shares.length - 1]],
          percent: true },
        y: { label: "", domain: [0, CAP], ticks: data.ticks }, marks: [
          { kind: "rule", y: 4, role: "paper", name: "4 %, the paper's best to expect" },
          { kind: "rule", y: Math.min(CAP, floor), role: "baseline", name: "best loss fitted" },
          { kind: "line", x: shares, y: memory.get(name).map((v) => Math.min(CAP, v)), role: "ours",
            name: `law, ${runs} runs` },
          { kind: "points", x: [cut], y: [Math.min(CAP, error)], role: "ours", size: 5 }] },
    ],
  };
}
