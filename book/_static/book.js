// Small mends of the theme's markup for those who read with a screen reader or a keyboard.
// Labels that hide the visible text of a control, and roles whose children do not fit, go away.
document.addEventListener("DOMContentLoaded", () => {
  document
    .querySelectorAll(".search-button-field, summary[aria-label='Toggle hidden content']")
    .forEach((element) => element.removeAttribute("aria-label"));
  document
    .querySelectorAll(".citation-list, .citation")
    .forEach((element) => element.removeAttribute("role"));
  // Whatever scrolls sideways can be reached and scrolled with the keyboard.
  document
    .querySelectorAll("pre, .cell_output .text_html:has(table), mjx-container[display='true']")
    .forEach((element) => {
      if (element.scrollWidth > element.clientWidth) element.tabIndex = 0;
    });
});

// A link to a claim inside a fold opens the fold.
function unfold() {
  const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!target || !target.closest("details:not([open])")) return;
  for (let fold = target.closest("details"); fold; fold = fold.parentElement.closest("details")) {
    fold.open = true;
  }
  target.scrollIntoView();
}
document.addEventListener("DOMContentLoaded", unfold);
window.addEventListener("hashchange", unfold);

// On paper a page is light, whatever it is on the screen.
let shown = null;
function onPaper(printed) {
  const page = document.documentElement.dataset;
  if (printed && page.theme === "dark") {
    shown = page.theme;
    page.theme = "light";
  } else if (!printed && shown) {
    page.theme = shown;
    shown = null;
  }
}
window.matchMedia("print").addEventListener("change", (event) => onPaper(event.matches));
window.addEventListener("beforeprint", () => onPaper(true));
window.addEventListener("afterprint", () => onPaper(false));

// The theme's buttons say what they do; the policy of a page lets no attribute run.
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-rp-click]");
  if (!button) return;
  if (button.dataset.rpClick === "print") window.print();
  else if (typeof toggleFullScreen === "function") toggleFullScreen();
});

// The page that searches: chapters before the code and the changelog, which name everything.
// Pages of the code have no title in the index, and what is found there ended with "in".
if (typeof Scorer !== "undefined") {
  Object.assign(Scorer, { objNameMatch: 20, objPartialMatch: 0, objPrio: { 0: 2, 1: 0, 2: -5 } });
  Scorer.score = (result) => {
    const [page, , anchor, description, score] = result;
    if (anchor.startsWith("#term-")) {
      result[1] = `Glossary: ${decodeURIComponent(anchor.slice(6)).replaceAll("-", " ")}`;
    }
    if (description) result[3] = description.replace(/, in $/, "");
    if (page.startsWith("notebooks/")) return score + 8;
    return page === "book/changelog" ? score - 15 : score;
  };
}
