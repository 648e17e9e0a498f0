// The scene of the tests' own live figure.
function scene({ a, b }) {
  return {
    headline: `A is ${a}${b}.`,
    detail: "That is all.",
    panels: [{ title: "T", x: { label: "x", domain: [0, 20] }, y: { label: "", domain: [0, 1] },
      marks: [{ kind: "rule", x: a + b.length }, { kind: "note", x: 0, y: 0.5, text: b }] }],
  };
}
