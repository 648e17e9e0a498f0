// What a mixture costs (eqs. 4 to 8), and 400 simulated runs.
// The words and numbers of live_budget.py.
function scene({ kept, share: s, rounds: k }, data) {
  const ROUNDS = 10, RUNS = 400, POINTS = 99, CAP = 4;
  const range = (n, f) => Array.from({ length: n }, (_, i) => f(i));
  const capped = (v) => v.map((one) => (one <= CAP ? one : null));

  function law(s, k, kept) {
    if (k === 0) return 1;
    if (kept === "fresh") {
      let v = 0;
      for (let i = 0; i <= k; i++) v += s ** (2 * i);
      return v;
    }
    if (kept === "accumulate") {
      let v = 0;
      for (let i = 1; i <= k; i++) v += s / (1 + i * s) ** 2;
      return 1 + v;
    }
    let r = 1 - s, d = s, noise = 0;
    for (let i = 0; i < k; i++) [r, d, noise] = [1 - s + s * r, s * d, s * s * noise + s];
    return (r * r) / (1 - s) + (d * d) / s + noise;
  }
  const alone = (s) => (kept === "accumulate" ? 1 : 1 / (1 - s));

  // errors of the simulated runs, and their mean squares
  const a = Math.sqrt(1 - s), b = Math.sqrt(s), z = data.z;
  const squares = range(ROUNDS + 1, () => 0);
  for (let run = 0; run < RUNS; run++) {
    const first = a * z[0][run] + b * z[1][run];
    let error = first, written = 0;
    squares[0] += error * error;
    for (let i = 0; i < ROUNDS; i++) {
      const mine = z[2 + 2 * i][run], fresh = z[3 + 2 * i][run];
      if (kept === "accumulate") {
        written += s * error + b * mine;
        error = (first + written) / (1 + (i + 1) * s);
      } else {
        error = a * (kept === "fixed" ? z[0][run] : fresh) + s * error + b * mine;
      }
      squares[i + 1] += error * error;
    }
  }
  const found = squares.map((v) => v / RUNS);

  const mixed = law(s, k, kept), real = alone(s);
  const shares = range(POINTS, (i) => (i + 1) / (POINTS + 1)), rounds = range(ROUNDS + 1, (i) => i);
  const verdict = Math.abs(mixed - real) < 0.005 ? "the synthetic samples make no difference"
    : mixed > real ? "the synthetic samples hurt" : "the synthetic samples help";
  const part = mixed > real
    ? `They cause ${percent((mixed - real) / (mixed - 1), 0)} of what is added to 1.`
    : `Without them the error would be ${percent(real / mixed - 1, 0)} larger.`;
  const y = { label: "", domain: [0.8, CAP] };
  return {
    headline: `${percent(s, 0)} synthetic, generation ${k}: ${fixed(mixed, 2)} times the error `
      + `variance, and ${fixed(real, 2)} with the real part alone: ${verdict}.`,
    detail: `${part} In ${RUNS} simulated runs: ${fixed(found[k], 2)} times.`,
    panels: [
      { title: `Error variance, generation ${k}`,
        x: { label: "share of synthetic samples", domain: [0, 1], percent: true }, y, marks: [
          { kind: "rule", y: 1, role: "null" },
          { kind: "rule", x: s, role: "muted", width: 1 },
          { kind: "line", x: shares, y: capped(shares.map(alone)), role: "real only",
            name: "real part alone" },
          { kind: "line", x: shares, y: capped(shares.map((one) => law(one, k, kept))),
            role: "ours", name: "mixture" },
          { kind: "points", x: [s], y: capped([mixed]), role: "ours", size: 5 }] },
      { title: `${percent(s, 0)} synthetic, over generations`,
        x: { label: "generation", domain: [0, ROUNDS] }, y, marks: [
          { kind: "rule", x: k, role: "muted", width: 1 },
          { kind: "line", x: rounds.slice(1), y: capped(range(ROUNDS, () => real)),
            role: "real only", name: "real part alone" },
          { kind: "line", x: rounds, y: capped(rounds.map((i) => law(s, i, kept))), role: "ours",
            name: "expected" },
          { kind: "points", x: rounds, y: capped(found), role: "control", size: 3,
            name: `${RUNS} runs` }] },
    ],
  };
}
