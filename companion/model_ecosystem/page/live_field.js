// Equations 1 to 3 with a field that only children carry. The same numbers as live_field.py.
function scene({ mu, s, tagged }) {
  const STEPS = 50, MOST = 0.4;
  const parentChild = (m, b) => Math.sqrt(1 - b) * (1 - m);
  const sibling = (m, b) => (1 - b) * ((1 - m) ** 2 + m ** 2 * s) + b;
  const gap = (m, b) => sibling(m, b) - parentChild(m, b);
  const shares = [], chances = [];
  for (let i = 0; i <= STEPS; i++) {
    shares.push((i / STEPS) * MOST);
    chances.push(i / STEPS);
  }
  const pc = parentChild(mu, tagged), sib = sibling(mu, tagged), critical = 1 / (1 + s);
  const bare = gap(mu, 0);
  const closer = sib > pc ? "Siblings are closer" : "Parent and child are closer";
  const cause = bare > 0
    ? `The ${percent(mu, 0)} that change are enough: more than ${percent(critical, 0)}, eq. 3.`
    : `Without that field parent and child are closer by ${fixed(-bare, 3)}; `
      + `more than ${percent(0.25, 1)} of the string is always enough to hide it.`;
  return {
    headline: `${closer}, by ${fixed(Math.abs(sib - pc), 3)}, where ${percent(tagged, 0)} of the `
      + `string says 'I am a child' and ${percent(mu, 0)} of the traits change.`,
    detail: cause,
    panels: [
      {
        title: "Similarity",
        x: { label: "share of the field", domain: [0, MOST], percent: true },
        y: { label: "", domain: [0, 1] },
        marks: [
          { kind: "rule", x: tagged, role: "muted", width: 1 },
          { kind: "line", x: shares, y: shares.map((b) => parentChild(mu, b)),
            role: "parent-child", name: "parent and child" },
          { kind: "line", x: shares, y: shares.map((b) => sibling(mu, b)),
            role: "sibling", name: "siblings" },
          { kind: "points", x: [tagged], y: [pc], role: "parent-child", size: 5 },
          { kind: "points", x: [tagged], y: [sib], role: "sibling", size: 5 }],
      },
      {
        title: "Siblings minus parent and child",
        x: { label: "traits that change, μ", domain: [0, 1], percent: true },
        y: { label: "", domain: [-0.3, 0.3] },
        marks: [
          { kind: "rule", y: 0, role: "null" },
          { kind: "line", x: chances, y: chances.map((m) => gap(m, 0)),
            role: "muted", name: "without the field" },
          { kind: "line", x: chances, y: chances.map((m) => gap(m, tagged)),
            role: "ours", name: "with the field", width: 2.4 },
          { kind: "points", x: [mu], y: [bare], role: "muted", size: 4 },
          { kind: "points", x: [mu], y: [sib - pc], role: "ours", size: 5 }],
      },
    ],
  };
}
