// An answer box: reads a number as exercises.py does, and answers with the same words.

// 78.5  78,5  1/4  25 %  3e-4  pi/0.04  2*pi  2π  10^-3; NaN for anything else
function read(text, unit) {
  const number = String.raw`(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?`;
  const factor = String.raw`([+-]?)(${number})?(p?)(?:\^([+-]?${number}))?`;
  let rest = text.replace(/\s/g, "").toLowerCase().replace(/,/g, ".").replace(/−/g, "-")
    .replace(/π|pi/g, "p").replace(/[×·]/g, "*").replace(/÷/g, "/");
  const isShare = rest.endsWith("%") && unit !== "%";
  rest = rest.replace(/%$/, "");
  let value = NaN;
  for (let operator = ""; ; operator = rest[0], rest = rest.slice(1)) {
    const [all, sign, head, pi, power] = rest.match(new RegExp(`^${factor}`));
    if (!head && !pi) return NaN;
    const last = (pi ? Math.PI : +head) ** (power ? +power : 1) * (pi && head ? +head : 1);
    const signed = sign === "-" ? -last : last;
    value = operator === "*" ? value * signed : operator === "/" ? value / signed : signed;
    rest = rest.slice(all.length);
    if (rest === "") break;
    if (rest[0] !== "*" && rest[0] !== "/") return NaN;
  }
  return isShare ? value / 100 : value;
}

// question: {answer, tolerance, hints: [[value, text]], otherwise, near, unit}
function respond(text, question) {
  const value = read(text, question.unit);
  if (!isFinite(value))
    return { isRight: false, says: "Please give a number, for example 0.25, 1/4, 25 % or 2*pi." };
  const rounded = +value.toPrecision(6), size = Math.abs(rounded);
  const shown = size && (size < 1e-4 || size >= 1e6)
    ? rounded.toExponential().replace(/([+-])(\d)$/, "$10$2") : String(rounded);
  const isNear = (target, tolerance) => Math.abs(value - target)
    <= Math.max(tolerance * Math.max(Math.abs(value), Math.abs(target)), 1e-9 * tolerance);
  if (isNear(question.answer, question.tolerance))
    return { isRight: true, says: `Right: ${shown}.` };
  const found = question.hints.find(([target]) => isNear(target, question.near));
  const hint = found ? found[1] : question.otherwise;
  const off = value < question.answer ? "too small" : "too large";
  return { isRight: false, says: `Not yet: ${shown} is ${off}.${hint && " "}${hint}` };
}

function box(form, question) {
  if (!form || form.dataset.ready) return;
  form.dataset.ready = "1";
  form.hidden = false;
  const input = form.querySelector("input"), output = form.querySelector("output");
  // JupyterLab takes focus and keys for the cell unless they stay here
  for (const type of ["focusin", "keydown"])
    form.addEventListener(type, (event) => event.stopPropagation());
  input.addEventListener("pointerup", () =>
    setTimeout(() => input.focus({ preventScroll: true }), 50));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const { isRight, says } = respond(input.value, question);
    form.dataset.answer = isRight ? "right" : "wrong";
    output.textContent = `${isRight ? "✓" : "✗"} ${says}`;
  });
}
