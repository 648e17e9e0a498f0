// Memorized share against loss, by epochs. The same numbers as live_frontier.py.
function scene({ at }, data) {
  const panel = (x, y, marks) => ({ title: "Memory and loss",
    x: { label: "held-out loss (nats per token)", domain: x },
    y: { label: "memorized of D", domain: y, percent: true }, marks });
  if (!data.epochs.length) {
    return { headline: "There is no published run whose curves could be shown.",
      detail: "Run the chapter to see its own.", panels: [panel([0, 1], [0, 1], [])] };
  }
  const names = [["baseline", "baseline"], ["soft, tau 2", "student"], ["hard", "hard student"]];
  const student = data.runs["soft, tau 2"], baseline = data.runs.baseline;
  const loss = baseline.loss[at];

  // linear between points of ascending x, the ends beyond them
  const interpolate = (v, x, y) => {
    if (v <= x[0]) return y[0];
    const i = x.findIndex((end) => v <= end);
    return i < 0 ? y[y.length - 1]
      : y[i - 1] + ((v - x[i - 1]) / (x[i] - x[i - 1])) * (y[i] - y[i - 1]);
  };
  const losses = student.loss.slice(0, data.falling);
  const places = losses.map((_, i) => i);
  const order = [...places].sort((i, k) => losses[i] - losses[k]);
  const place = interpolate(loss, order.map((i) => losses[i]), order);
  const logs = losses.map((_, i) => Math.log(student.memorized[i] + data.half));
  const there = (Math.exp(interpolate(place, places, logs)) - data.half) / data.n;

  const lowest = Math.min(...losses), highest = Math.max(...losses);
  const said = loss > highest
    ? `The student predicts better from the start, with ${percent(there, 2)}`
    : loss < lowest
      ? `The student never gets so low; at its best it has ${percent(there, 2)}`
      : `At that loss the student has ${percent(there, 2)}`;
  const marks = names.flatMap(([role, name]) => {
    const run = data.runs[role];
    const [x, y] = role === "soft, tau 2" ? data.curve : [run.loss, run.rate];
    return [
      { kind: "line", x, y, role, name },
      { kind: "points", x: run.loss, y: run.rate, role },
      { kind: "points", x: [run.loss[at]], y: [run.rate[at]], role, size: 7 }];
  });
  marks.push(
    { kind: "points", x: [data.teacher[0]], y: [data.teacher[1]], role: "teacher", size: 7,
      name: "teacher" },
    { kind: "rule", x: data.base, role: "muted", name: "before reading D" },
    { kind: "rule", x: loss, role: "baseline" });
  if (lowest <= loss && loss <= highest) {
    marks.push({ kind: "points", x: [loss], y: [there], role: "soft, tau 2", size: 7,
      open: true });
  }
  return {
    headline: `After ${data.epochs[at]} epochs the baseline has ${percent(baseline.rate[at], 2)} `
      + `of D by heart, at a loss of ${fixed(loss, 3)}.`,
    detail: `${said}. After as many epochs it has ${percent(student.rate[at], 2)} at `
      + `${fixed(student.loss[at], 3)}.`,
    panels: [panel(data.x, data.y, marks)],
  };
}
