// One token of a training text and two models that learn it. The same numbers as live_token.py.
function scene({ tau, share, sure, step }, data) {
  const sum = (values) => values.reduce((total, v) => total + v, 0);
  const softmax = (z, t) => {
    const top = Math.max(...z), w = z.map((v) => Math.exp((v - top) / t)), total = sum(w);
    return w.map((v) => v / total);
  };
  const rest = sum(data.others);
  const start = [1 - rest, ...data.others].map(Math.log);
  const teacher = [sure, ...data.others.map((p) => (p / rest) * (1 - sure))].map(Math.log);

  // gradient of a * cross-entropy of token 0 + (1 - a) * distillation, equation 2
  const path = (t, a) => {
    const target = softmax(teacher, t), found = [];
    let z = start;
    for (let i = 0; i <= data.steps; i += 1) {
      const p = softmax(z, 1), soft = softmax(z, t);
      found.push(p);
      z = z.map((v, k) => v - data.rate
        * (a * (p[k] - (k === 0 ? 1 : 0)) + (1 - a) * t * (soft[k] - target[k])));
    }
    return found;
  };
  const ahead = (p) => p[0] > Math.max(...p.slice(1));
  const runs = [["baseline", "baseline", path(1, 1)], ["student", "soft, tau 2", path(tau, share)]];
  const words = runs.map(([name, , run], i) =>
    `the ${name} ${ahead(run[step]) ? "writes" : "does not write"} `
      + `${i === 0 ? "the true token" : "it"} (${percent(run[step][0], 0)})`);
  const when = runs.map(([name, , run]) => {
    const at = run.findIndex(ahead);
    return `${name} ${at < 0 ? "never here" : at}`;
  });
  const told = softmax(teacher, tau), ranks = [1, 2, 3, 4, 5, 6];
  const steps = runs[0][2].map((_, i) => i);
  const probability = { label: "probability", domain: [0, 1], percent: true };
  return {
    headline: `Step ${step}: ${words[0]}, ${words[1]}.`,
    detail: `The teacher gives it ${percent(sure, 0)}, and at temperature ${fixed(tau, 1)} `
      + `tells ${percent(told[0], 0)}. First written after: ${when.join(", ")}.`,
    panels: [
      { title: "What each gives",
        x: { label: "token", domain: [0.5, 6.5],
          ticks: ranks.map((i) => [i, i === 1 ? "true" : String(i)]) },
        y: probability,
        marks: [
          { kind: "points", x: ranks, y: told, role: "teacher", size: 6, open: true,
            name: "told by the teacher" },
          ...runs.map(([name, role, run]) =>
            ({ kind: "points", x: ranks, y: run[step], role, size: 4, name }))] },
      { title: "The true token",
        x: { label: "steps", domain: [0, data.steps] },
        y: probability,
        marks: [
          { kind: "rule", y: sure, role: "teacher", name: "teacher" },
          ...runs.map(([, role, run]) =>
            ({ kind: "line", x: steps, y: run.map((p) => p[0]), role })),
          ...runs.map(([, role, run]) =>
            ({ kind: "points", x: [step], y: [run[step][0]], role, size: 5 }))] },
    ],
  };
}
