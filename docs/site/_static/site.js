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
