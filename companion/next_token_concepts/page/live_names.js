// Words arrive one by one; what names of error eta say is read by a line. As in live_names.py.
function scene({ eta, words, concept, sentence }, data) {
  const n = Math.round(words), k = concept === "sentiment" ? 0 : 1;
  const prior = data.prior, table = data.words, tokens = data.sentences[sentence];
  const log = Float64Array.from(prior, Math.log), odds = [];
  for (let t = 0; t <= n; t++) {
    if (t > 0) for (let c = 0; c < log.length; c++) log[c] += Math.log(table[c][tokens[t - 1]]);
    const peak = Math.max(...log);
    let one = 0, zero = 0; // the first concept is the slowest bit
    log.forEach((value, c) => {
      const p = Math.exp(value - peak);
      if ((c >> (3 - k)) & 1) one += p; else zero += p;
    });
    odds.push(Math.log(one) - Math.log(zero));
  }
  const curve = (x) => 2 * Math.atanh((1 - 2 * eta) * Math.tanh(x / 2));
  const slope = 1 - 2 * eta, said = odds.map(curve), read = said.map((y) => y / slope);
  const bound = Math.log((1 - eta) / eta);
  const grid = Array.from({ length: 121 }, (_, i) => -13 + (26 * i) / 120);
  const end = Math.min(13, 7 / slope), ends = [-end, end];
  const steps = odds.map((_, t) => t), last = odds[n];
  const about = { sentiment: "praise being meant", sarcasm: "sarcasm" }[concept];
  const line = (x, y, role, name) => ({ kind: "line", x, y, role, name });
  return {
    headline: `After ${n} words the odds ${last > 0 ? "for" : "against"} ${about} are `
      + `${short(Math.exp(Math.abs(last)))} to 1; the theorem's line reads `
      + `${short(Math.exp(Math.abs(read[n])))} to 1 off the logits.`,
    detail: `Names that err in ${percent(eta, 1)} of the cases differ by `
      + `${fixed(Math.abs(said[n]), 2)} logits here, and by no more than ${fixed(bound, 2)} after `
      + "any sentence.",
    panels: [
      { title: "Log odds of the concept", x: { label: "words read", domain: [0, 96] },
        y: { label: "", domain: [-13, 13] }, marks: [
          { kind: "rule", y: 0, role: "null" },
          line(steps, odds, "truth", "exact"),
          line(steps, read, "LM", "read by the line"),
          { kind: "points", x: [n], y: [last], role: "truth" },
          { kind: "points", x: [n], y: [read[n]], role: "LM", size: 5 }] },
      { title: "Logit difference of its names",
        x: { label: "log odds of the concept", domain: [-13, 13] },
        y: { label: "", domain: [-7, 7] }, marks: [
          line(ends, ends.map((x) => slope * x), "P", "the theorem's line"),
          line(grid, grid.map(curve), "ours", "what a perfect model says"),
          { kind: "points", x: [last], y: [said[n]], role: "truth", size: 5,
            name: "this sentence" }] },
    ],
  };
}
