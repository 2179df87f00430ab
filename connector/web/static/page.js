// What htmx leaves to the page: saying when the connector does not answer, the time of what is shown, where
// the keyboard goes on after an action, and rest while nobody looks.
"use strict";
{
  const lost = (is) => { document.getElementById("lost").hidden = !is; };
  const refreshes = (event) => event.detail.elt.id === "moving";

  document.addEventListener("htmx:beforeRequest", (event) => {
    if (refreshes(event) && document.hidden) event.preventDefault();
  });
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.target.id === "moving" && event.detail.xhr.status >= 400) event.detail.shouldSwap = false;
  });
  document.addEventListener("htmx:afterRequest", (event) => {
    const status = event.detail.xhr.status;
    lost(status === 0 || status >= 500 || (refreshes(event) && status >= 400));
    const at = event.detail.xhr.getResponseHeader("X-As-Of");
    if (at) document.getElementById("as-of").textContent = at;
  });
  document.addEventListener("htmx:afterSettle", (event) => {
    if (event.detail.target.id === "main") document.getElementById("main").focus();
  });
}
