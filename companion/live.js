// Draws a scene (plain data, see live.py) as SVG, and puts native controls under it. No dependency,
// no network, no global name: the output of a cell wraps this file and a scene's into one function.

// Numbers in words, as fixed, percent and short of live.py write them.
function fixed(value, digits) {
  return value.toFixed(digits).replace(/^-(?=[0.]*$)/, "").replace("-", "−");
}
function percent(share, digits) {
  return fixed(100 * share, digits) + "\u00a0%";
}
function short(value) {
  const sizes = [[1e12, "T"], [1e9, "B"], [1e6, "M"], [1e3, "k"]];
  const [size, suffix] = sizes.find(([least]) => Math.abs(value) >= 0.9995 * least) || [1, ""];
  return String(+(value / size).toPrecision(3)).replace("-", "−") + suffix;
}

function live(root, scene, spec) {
  "use strict";
  if (root.rplLive) return;
  // a figure that is shown twice needs ids of its own
  const tree = root.getRootNode(), given = root.id;
  for (let n = 2; tree.getElementById && tree.getElementById(root.id) !== root; n++)
    root.id = `${given}-${n}`;

  const MARKERS = { // a path around (x, y) with half width r
    o: (x, y, r) => `M${x - r} ${y}a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0`,
    X: (x, y, r) => `M${x - r} ${y - r}l${2 * r} ${2 * r}m0 ${-2 * r}l${-2 * r} ${2 * r}`,
    ".": (x, y, r) => MARKERS.o(x, y, r / 2),
  };
  const CORNERS = { // of the other markers, in tenths of r
    s: [-10, -10, 10, -10, 10, 10, -10, 10], D: [0, -13, 13, 0, 0, 13, -13, 0],
    "^": [0, -12, 12, 9, -12, 9], v: [0, 12, 12, -9, -12, -9],
    "<": [-12, 0, 9, -12, 9, 12], ">": [12, 0, -9, -12, -9, 12],
    P: [-4, -12, 4, -12, 4, -4, 12, -4, 12, 4, 4, 4, 4, 12, -4, 12, -4, 4, -12, 4, -12, -4, -4, -4],
    h: [0, -12, 10, -6, 10, 6, 0, 12, -10, 6, -10, -6],
    "*": [0, -13, 3, -4, 13, -4, 5, 2, 8, 11, 0, 5, -8, 11, -5, 2, -13, -4, -3, -4],
  };
  for (const name in CORNERS) MARKERS[name] = (x, y, r) =>
    `M${CORNERS[name].map((v, i) => round((i % 2 ? y : x) + (v * r) / 10)).join(" ")}Z`;
  const ESCAPES = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
  const escape = (text) => String(text).replace(/[&<>"]/g, (c) => ESCAPES[c]);
  const make = (tag, attributes, inside) => {
    const element = document.createElement(tag);
    for (const key in attributes) element.setAttribute(key, attributes[key]);
    if (inside !== undefined) element.textContent = inside;
    return element;
  };
  const places = (step) => Math.max(0, Math.min(6, Math.ceil(-Math.log10(step) - 1e-9)));
  const round = (value) => Math.round(value * 10) / 10;
  const isThere = (value) => value !== null && isFinite(value);

  // domain and pixels -> {at: value to pixel, ticks: [[value, text]]}; room: pixels for a tick
  function axis(spec, from, to, room) {
    const [low, high] = spec.domain, f = spec.scale === "log" ? Math.log : (v) => v;
    const at = (v) => from + ((f(v) - f(low)) / (f(high) - f(low))) * (to - from);
    const many = Math.max(2, Math.floor(Math.abs(to - from) / room));
    if (spec.ticks) return { at, ticks: spec.ticks };
    let ticks = [];
    if (spec.scale === "log") {
      const decades = Math.log10(high / low);
      const each = decades > many ? [1] : decades * 2 > many ? [1, 3] : [1, 2, 5];
      for (let p = Math.floor(Math.log10(low)); p <= Math.log10(high); p++)
        ticks.push(...each.map((m) => m * 10 ** p));
      ticks = ticks.filter((t) => t >= low * 0.9999 && t <= high * 1.0001);
      while (ticks.length > many + 1) ticks = ticks.filter((_, i) => i % 2 === 0);
      return { at, ticks: ticks.map((t) => [t, short(t)]) };
    }
    const raw = (high - low) / many, power = 10 ** Math.floor(Math.log10(raw));
    const step = power * [1, 2, 2.5, 5, 10].find((m) => m * power >= raw * 0.9999);
    for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++)
      ticks.push(i * step);
    const write = (t) => spec.percent ? percent(t, places(100 * step))
      : Math.abs(high) >= 1e4 ? short(t) : fixed(t, places(step));
    return { at, ticks: ticks.map((t) => [t, write(t)]) };
  }

  // how a mark is drawn: color from its role, dashes from its role unless it has its own
  const style = (mark) => spec.roles[mark.role || "ours"];
  const color = (mark) => `style="--rpl-c:var(--rpl-${style(mark).color})"`;
  const dash = (mark) => mark.dash === undefined ? style(mark).dash : mark.dash;
  const dots = (mark) => MARKERS[mark.marker || style(mark).marker || "o"];
  const shape = (mark) => mark.open ? "rpl-open" : "rpl-dots";
  const look = (mark, width, opacity = 1) =>
    `${color(mark)} stroke-width="${mark.width || width}" opacity="${mark.opacity || opacity}"`;

  function drawing(panel, width, height, id) {
    const right = width - 16, top = 10, bottom = height - 40, y = axis(panel.y, bottom, top, 30);
    const left = 14 + 6.7 * Math.max(0, ...y.ticks.map((t) => t[1].length));
    const x = axis(panel.x, left, right, 58), out = [], notes = [];
    const side = (at, text) => at + 4 * text.length > right + 14 ? "end" // inside the picture
      : at - 4 * text.length < 0 ? "start" : "middle";
    for (const [v, text] of y.ticks)
      out.push(`<path class="rpl-grid" d="M${left} ${round(y.at(v))}H${right}"/>`,
        `<text x="${left - 7}" y="${round(y.at(v)) + 4}" text-anchor="end">${escape(text)}</text>`);
    for (const [v, text] of x.ticks)
      out.push(`<path class="rpl-axis" d="M${round(x.at(v))} ${bottom}v5"/>`,
        `<text x="${round(x.at(v))}" y="${bottom + 18}"`,
        ` text-anchor="${side(x.at(v), text)}">${escape(text)}</text>`);
    out.push(`<path class="rpl-axis" d="M${left} ${bottom}H${right}"/>`,
      `<text x="${(left + right) / 2}" y="${height - 6}" text-anchor="middle">`,
      `${escape(panel.x.label)}</text><clipPath id="${id}"><rect x="${left - 7}" y="${top - 7}"`,
      ` width="${right - left + 14}" height="${bottom - top + 14}"/></clipPath>`,
      `<g clip-path="url(#${id})">`);
    const path = (xs, ys) => { // broken where a value is missing
      let d = "", pen = "M";
      xs.forEach((v, i) => {
        if (isThere(ys[i])) d += `${pen}${round(x.at(v))} ${round(y.at(ys[i]))}`;
        pen = isThere(ys[i]) ? "L" : "M";
      });
      return d;
    };
    const KINDS = {
      line: (m) => `<path class="rpl-line" ${look(m, 2)} stroke-dasharray="${dash(m)}"` +
        ` d="${path(m.x, m.y)}"/>`,
      band: (m) => `<path class="rpl-area" ${look(m, 0, 0.18)} d="${path(m.x, m.high)}` +
        `${path(m.x.slice().reverse(), m.low.slice().reverse()).replace("M", "L")}Z"/>`,
      points: (m) => {
        const draw = dots(m), seen = m.x.map((v, i) => isThere(m.y[i]) &&
          draw(round(x.at(v)), round(y.at(m.y[i])), m.size || 3));
        return `<path class="${shape(m)}" ${look(m, 1)}` +
          ` d="${seen.filter(Boolean).join("")}"/>`;
      },
      rule: (m) => `<path class="rpl-line" ${look(m, 1.4)} stroke-dasharray="${dash(m)}" d="` +
        (m.x === undefined ? `M${left} ${round(y.at(m.y))}H${right}`
          : `M${round(x.at(m.x))} ${top}V${bottom}`) + `"/>`,
    };
    for (const mark of panel.marks) {
      if (mark.kind !== "note") { out.push(KINDS[mark.kind](mark)); continue; }
      const px = Math.max(left + 2, Math.min(right - 2, x.at(mark.x)));
      notes.push(`<text class="rpl-note" x="${round(px + (mark.dx || 0))}"`,
        ` y="${round(y.at(mark.y) + (mark.dy || 0))}" text-anchor="${mark.anchor || "start"}">`,
        `${escape(mark.text)}</text>`);
    }
    return `<svg width="${width}" height="${height}" viewBox="0 0 ${width} ${height}"` +
      ` aria-hidden="true" focusable="false">${out.join("")}</g>${notes.join("")}</svg>`;
  }

  function key(panel) {
    const sign = (m) => m.kind === "points"
      ? `<path class="${shape(m)}" ${look(m, 1)} d="${dots(m)(11, 6, 3.5)}"/>`
      : m.kind === "band" ? `<path class="rpl-area" ${color(m)} opacity=".3" d="M0 0H22V12H0Z"/>`
      : `<path class="rpl-line" ${look(m, 2)} stroke-dasharray="${dash(m)}" d="M0 6H22"/>`;
    return panel.marks.filter((mark) => mark.name).map((mark) =>
      `<span><svg width="22" height="12" aria-hidden="true">${sign(mark)}</svg>` +
      `${escape(mark.name)}</span>`).join("");
  }

  function panelHtml(panel, width, height, id) {
    const unit = panel.y.label ? `<span>, ${escape(panel.y.label)}</span>` : "";
    return `<div class="rpl-panel" style="width:${width}px">` +
      `<p class="rpl-title">${escape(panel.title)}${unit}</p><p class="rpl-key">${key(panel)}</p>` +
      `${drawing(panel, width, height, id)}</div>`;
  }

  // Controls: each part has show(), which brings what is seen in line with `values`.
  const controls = make("div", { class: "rpl-controls" }), values = {}, inputs = {};
  const row = (control, input, ...more) => {
    const line = make("div", { class: "rpl-control" });
    line.append(make("label", { for: input.id }, control.label), input, ...more);
    controls.append(line);
    inputs[control.name] = input;
  };

  function choice(control) {
    const select = make("select", { id: `${root.id}-${control.name}` });
    for (const [value, text] of control.options) select.append(make("option", { value }, text));
    select.addEventListener("change", () => { values[control.name] = select.value; later(); });
    row(control, select);
    return { show: () => { select.value = values[control.name]; } };
  }

  function text(control) { // what the reader types stays in the page
    const id = `${root.id}-${control.name}`, shown = make("span", { class: "rpl-typed" });
    const input = make("input", { type: "text", id, list: `${id}-list`, autocomplete: "off",
      maxlength: control.most });
    const list = make("datalist", { id: `${id}-list` });
    for (const value of control.examples) list.append(make("option", { value }));
    input.addEventListener("input", () => {
      values[control.name] = input.value.slice(0, control.most);
      later();
    });
    row(control, input, shown, list);
    return { show: () => {
      if (input.value !== values[control.name]) input.value = values[control.name];
      shown.textContent = values[control.name];
    } };
  }

  function slider(control) {
    const id = `${root.id}-${control.name}`, { low, high, step, times, limits } = control;
    const isLog = control.scale === "log", steps = 100, told = make("output", { for: id });
    const unit = control.unit && ` ${control.unit}`;
    const input = make("input", { type: "range", id, ...(isLog ? { min: 0, max: steps, step: 1 }
      : { min: low, max: high, step }) });
    const read = () => isLog ? +(low * (high / low) ** (input.value / steps)).toPrecision(3)
      : +input.value;
    const write = (v) => isLog ? Math.round((steps * Math.log(v / low)) / Math.log(high / low)) : v;
    const words = (v) => control.texts ? control.texts[v]
      : fixed(v * times, places(control.show || step * times)) + unit;
    input.addEventListener("input", () => { values[control.name] = read(); later(); });
    // JupyterLab, and Safari, do not leave the focus on a slider that was clicked
    const focus = () => setTimeout(() => input.focus({ preventScroll: true }), 50);
    input.addEventListener("pointerup", focus);
    row(control, input, told);
    return { show: () => {
      if (limits) input.max = limits.high[values[limits.by]];
      if (limits) values[control.name] = Math.min(values[control.name], +input.max);
      input.value = write(values[control.name]);
      told.textContent = words(values[control.name]);
      input.setAttribute("aria-valuetext", told.textContent);
    } };
  }

  // What stands under the still picture, and takes its place.
  const head = make("p", { class: "rpl-say" }), headline = make("strong"), detail = make("span");
  const stage = make("div", { class: "rpl-stage", role: "img" });
  const aloud = make("p", { class: "rpl-aloud", "aria-live": "polite" });
  head.append(headline, " ", detail);
  const start = () => spec.controls.forEach((control) => { values[control.name] = control.start; });
  const kind = (control) => control.options ? choice : control.examples ? text : slider;
  const parts = spec.controls.map((control) => kind(control)(control));
  const reset = make("button", { type: "button", class: "rpl-reset" }, "Back to the start");
  reset.addEventListener("click", () => { start(); later(); });
  controls.append(reset);
  // JupyterLab takes focus and keys for the cell unless they stay here
  for (const type of ["focusin", "keydown"])
    root.addEventListener(type, (event) => event.stopPropagation());

  let width = 0, waiting = 0, speaking = 0;
  function later() { // once per frame; what is said follows when the slider rests
    waiting = waiting || requestAnimationFrame(() => {
      waiting = 0;
      draw();
      clearTimeout(speaking);
      speaking = setTimeout(() => { aloud.textContent = stage.getAttribute("aria-label"); }, 500);
    });
  }
  function draw() {
    const began = performance.now();
    parts.forEach((part) => part.show());
    const { headline: what, detail: why, panels } = scene(values, spec.data);
    const beside = panels.length > 1 && width >= 620;
    // the gap is 20; the stage may be a fraction narrower than its width in whole pixels
    const each = beside ? Math.floor((width - 22) / 2) : width;
    const height = beside ? Math.round(each * 0.66)
      : panels.length > 1 ? 160 : Math.round(Math.max(180, Math.min(330, each * 0.5)));
    headline.textContent = what;
    detail.textContent = why;
    stage.setAttribute("aria-label", `${what} ${why}`);
    stage.innerHTML = panels.map((panel, i) =>
      panelHtml(panel, each, height, `${root.id}-clip${i}`)).join("");
    root.rplLive.ms = performance.now() - began;
  }

  root.rplLive = { scene: (v) => scene(v, spec.data), values, inputs, ms: 0 };
  start();
  root.append(head, stage, controls, aloud);
  width = Math.floor(stage.clientWidth) || 640;
  draw();
  const still = root.querySelector(".rpl-still");
  if (still) still.hidden = true; // before its picture, which is lazy, is asked for
  new ResizeObserver(() => {
    const now = Math.floor(stage.clientWidth);
    if (!now || Math.abs(now - width) < 2) return;
    width = now;
    requestAnimationFrame(draw);
  }).observe(stage);
}
