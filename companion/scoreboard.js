// The scoreboard's filter and order.  Without a script the table is whole, in the order of the book.

// rows: [{paper, verdict, of, on}]; wanted: some of these keys, where "" takes everything.
function chosen(rows, wanted) {
  return rows.map((row) =>
    Object.entries(wanted).every(([key, value]) => value === "" || row[key] === value));
}

// Indices of the rows by the rank of one key's value among `values`; equal ones keep their order.
function ordered(rows, key, values) {
  return rows.map((row, index) => index)
    .sort((a, b) => values.indexOf(rows[a][key]) - values.indexOf(rows[b][key]) || a - b);
}

// form: a select for each key and one named "order"; it is hidden until here
function board(form, table, output) {
  const lines = [...table.tBodies[0].rows];
  const rows = lines.map((line) => ({ ...line.dataset }));
  function show() {
    const { order, ...wanted } = Object.fromEntries(new FormData(form));
    const values = [...form.elements[order].options].map((option) => option.value);
    const taken = chosen(rows, wanted);
    lines.forEach((line, index) => { line.hidden = !taken[index]; });
    table.tBodies[0].append(...ordered(rows, order, values).map((index) => lines[index]));
    output.textContent = `${taken.filter(Boolean).length} of ${rows.length} are shown.`;
  }
  form.addEventListener("input", show);
  form.addEventListener("reset", () => setTimeout(show));
  form.addEventListener("submit", (event) => event.preventDefault());
  form.hidden = false;
  show();
}
