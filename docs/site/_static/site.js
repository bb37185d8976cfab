// Keyboards reach what scrolls sideways, as the theme does it for code and tables.
function letFormulasBeScrolled() {
  for (const formula of document.querySelectorAll("mjx-container[display]")) {
    if (formula.scrollWidth > formula.clientWidth) formula.tabIndex = 0;
    else formula.removeAttribute("tabindex");
  }
}

window.addEventListener("load", () => {
  window.MathJax?.startup?.promise.then(letFormulasBeScrolled);
  window.addEventListener("resize", letFormulasBeScrolled);
  // Its name is what stands on it, the shortcut included; on a phone only the icon is left of it.
  for (const button of document.querySelectorAll(".search-button-field"))
    button.ariaLabel = button.textContent.replace(/\s+/g, " ").trim();
});

// On paper nothing can be unfolded: answers are, as long as it is printed. Folded code and figures in words stay.
let unfolded = [], theme;

window.addEventListener("beforeprint", () => {
  const folded = [...document.querySelectorAll(".bd-article details:not([open], .hide)")];
  unfolded = folded.filter((one) => one.querySelector("summary")?.textContent.trim() !== "Figure in words");
  for (const one of unfolded) one.open = true;
  theme = document.documentElement.dataset.theme;
  document.documentElement.dataset.theme = "light"; // else ink for a dark page, or grey on white
});

window.addEventListener("afterprint", () => {
  for (const one of unfolded) one.open = false;
  document.documentElement.dataset.theme = theme;
});
