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
