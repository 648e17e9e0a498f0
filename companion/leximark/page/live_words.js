// The K rarest words of a sentence, replaced under a key, and the power of a t-test. The same words
// and numbers as live_words.py.
function scene({ text, dose, key, records }, data) {
  const words = data.texts[text], k = data.doses[dose], power = data.power[dose];
  const h = words.map((w) => -w.p * Math.log2(w.p));
  const picked = words.map((_, i) => i).sort((a, b) => h[a] - h[b] || a - b).slice(0, k)
    .sort((a, b) => a - b);
  const changed = picked.filter((i) => words[i].becomes.length);
  const left = words.map((_, i) => i).filter((i) => !changed.includes(i));
  const row = (i) => words.length - i, before = words.map((w) => -Math.log2(w.p));
  const after = changed.map((i) => words[i].bits[key - 1]);
  const swap = (i) => `${words[i].word} → ${words[i].becomes[key - 1]}`;
  const told = changed.length ? `: ${changed.slice(0, 2).map(swap).join(", ")}` : "";
  const more = changed.length > 2 ? " and more" : "";
  const needed = data.needed[dose] ? `${data.needed[dose]} for ${percent(0.8, 0)}`
    : "no number is enough";
  const axis = data.power[0].map((_, i) => i + 2);
  return {
    headline: `${changed.length} of ${words.length} open words change${told}${more}.`,
    detail: `At ${data.source} AUROC of ${fixed(data.aurocs[dose], 2)} for K = ${k}, ${records} `
      + `records a side find the mark in ${percent(power[records - 2], 0)} of tests; `
      + `needed: ${needed}.`,
    panels: [
      { title: "Surprisal of each open word", x: { label: "bits", domain: [4, 30] },
        y: { label: "", domain: [0.4, words.length + 0.6],
          ticks: words.map((w, i) => [row(i), changed.includes(i) ? swap(i) : w.word]) },
        marks: [
          ...changed.map((i, j) => ({ kind: "line", x: [before[i], after[j]],
            y: [row(i), row(i)], role: "ours", width: 2, dash: "" })),
          { kind: "points", x: left.map((i) => before[i]), y: left.map(row), role: "muted",
            marker: "o", name: "stays" },
          { kind: "points", x: changed.map((i) => before[i]), y: changed.map(row),
            role: "baseline", name: "before" },
          { kind: "points", x: after, y: changed.map(row), role: "ours", size: 4,
            name: "after" }] },
      { title: "Power of a t-test", x: { label: "records a side", domain: [2, 40] },
        y: { label: "", domain: [0, 1], percent: true }, marks: [
          { kind: "rule", y: 0.8, role: "null", name: "80 %" },
          { kind: "line", x: axis, y: data.power[0], role: "no mark", name: "no mark" },
          { kind: "line", x: axis, y: power, role: "protocol", width: 2.4, name: "this K" },
          { kind: "points", x: [records], y: [power[records - 2]], role: "protocol",
            size: 5 }] },
    ],
  };
}
