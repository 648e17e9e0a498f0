// The K rarest words of each sentence, replaced under a key, and the power of a t-test. The same
// words and numbers as live_words.py.
function scene({ text, dose, key, records }, data) {
  if (!scene.words) { // 100 log10 of 1 / frequency stands before the words that have it
    const rare = [], read = (table, keep) => {
      let p;
      for (const entry of table.split(" "))
        if (/\d/.test(entry[0])) p = 10 ** (-entry / 100); else keep(entry.split(":"), p);
    };
    read(data.rare, ([word], p) => rare.push({ word, p }));
    scene.words = new Map();
    read(data.words, ([word, picks, pool], p) => scene.words.set(word, { p, picks,
      pool: pool ? pool.split(".").map((i) => rare[parseInt(i, 36)]) : [] }));
  }
  const k = data.doses[dose], power = data.power[dose];
  const bits = (p) => -Math.log2(p), edge = /^[.,;:!?"'()[\]{}<>*_~“”‘’«»…–—-]+/;
  const turned = (word) => [...word].reverse().join("");
  const bare = (chunk) => turned(turned(chunk.replace(edge, "")).replace(edge, ""));
  const known = text.split(/[.!?]+["'”’)\]]*(?=\s)|\n/).flatMap((sentence) => {
    const words = sentence.split(/\s+/).map(bare).filter((word) => scene.words.has(word))
      .map((word) => ({ word, ...scene.words.get(word) }));
    const h = words.map((w) => w.p * bits(w.p));
    const picked = words.map((_, i) => i).sort((a, b) => h[a] - h[b] || a - b).slice(0, k);
    return words.map((w, i) => ({ ...w, h: h[i],
      becomes: picked.includes(i) && w.pool.length ? w.pool[+w.picks[key - 1]] : null }));
  });
  const shown = known.map((_, i) => i).sort((a, b) => known[a].h - known[b].h || a - b)
    .slice(0, data.rows).sort((a, b) => a - b).map((i) => known[i]);
  const changed = known.filter((w) => w.becomes);
  const swap = (w) => w.becomes ? `${w.word} → ${w.becomes.word}` : w.word;
  const told = changed.length ? `: ${changed.slice(0, 2).map(swap).join(", ")}` : "";
  const more = changed.length > 2 ? " and more" : "";
  const needed = data.needed[dose] ? `${data.needed[dose]} for ${percent(0.8, 0)}`
    : "no number is enough";
  const axis = data.power[0].map((_, i) => i + 2), n = shown.length;
  const rows = shown.map((w, i) => ({ ...w, y: n - i, before: bits(w.p),
    after: w.becomes && bits(w.becomes.p) }));
  const swapped = rows.filter((w) => w.becomes), left = rows.filter((w) => !w.becomes);
  return {
    headline: `${changed.length} of ${known.length} known words change${told}${more}.`,
    detail: `At ${data.source} AUROC of ${fixed(data.aurocs[dose], 2)} for K = ${k}, ${records} `
      + `records a side find the mark in ${percent(power[records - 2], 0)} of tests; `
      + `needed: ${needed}.`,
    panels: [
      { title: "Surprisal of its rarest words", x: { label: "bits", domain: [4, 30] },
        y: { label: "", domain: [0.4, Math.max(n, 1) + 0.6],
          ticks: rows.map((w) => [w.y, swap(w)]) },
        marks: [
          ...swapped.map((w) => ({ kind: "line", x: [w.before, w.after], y: [w.y, w.y],
            role: "ours", width: 2, dash: "" })),
          { kind: "points", x: left.map((w) => w.before), y: left.map((w) => w.y), role: "muted",
            marker: "o", name: "stays" },
          { kind: "points", x: swapped.map((w) => w.before), y: swapped.map((w) => w.y),
            role: "baseline", name: "before" },
          { kind: "points", x: swapped.map((w) => w.after), y: swapped.map((w) => w.y),
            role: "ours", size: 4, name: "after" }] },
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
