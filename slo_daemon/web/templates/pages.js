// Keeps a page up to date: fetches it again each slot and puts the new content in the place of the old.
// Scroll, focus, open details and what is being typed stay; who cannot run this reloads the page.
"use strict";
(() => {
  const every = Number(document.body.dataset.every) * 1000;
  const alarm = document.getElementById("alarm");
  const news = document.getElementById("news");
  let since = "";
  let asking = false;

  const typed = (field) =>
    field.type === "hidden" ? false
    : field.matches("[type=radio], [type=checkbox]") ? field.checked !== field.defaultChecked
    : field.matches("select") ? [...field.options].some((option) => option.selected !== option.defaultSelected)
    : field.value !== undefined && field.matches("input, textarea") && field.value !== field.defaultValue;

  const inUse = (main) =>
    (document.activeElement.matches("input, select, textarea") && main.contains(document.activeElement)) ||
    getSelection().type === "Range" ||
    [...main.querySelectorAll("form")].some((form) => [...form.elements].some(typed));

  const same = (element) =>
    element.id ? `#${CSS.escape(element.id)}`
    : element.matches("a[href]") ? `a[href="${CSS.escape(element.getAttribute("href"))}"]`
    : element.matches("details[id] > summary") ? `#${CSS.escape(element.parentElement.id)} > summary` : "";

  const put = (page) => {
    const old = document.getElementById("main");
    const main = page.getElementById("main");
    const focus = old.contains(document.activeElement) ? same(document.activeElement) : "";
    const sideways = [...old.querySelectorAll(".scroll[id]")].map((box) => [box.id, box.scrollLeft, box.scrollTop]);
    for (const details of old.querySelectorAll("details[id]")) {
      const again = main.querySelector(`#${CSS.escape(details.id)}`);
      if (again) again.open = details.open;
    }
    if (main.dataset.headline !== old.dataset.headline) news.textContent = `Changed: ${main.dataset.headline}`;
    old.replaceWith(document.adoptNode(main));
    document.getElementById("fresh").replaceWith(document.adoptNode(page.getElementById("fresh")));
    const [before, who] = [document, page].map((one) => one.querySelector(".who"));
    if (!before.isEqualNode(who)) before.replaceWith(document.adoptNode(who)); // somebody else than before, or nobody
    for (const [id, left, top] of sideways) document.getElementById(id)?.scrollTo(left, top);
    if (focus) main.querySelector(focus)?.focus({ preventScroll: true });
  };

  const renew = async () => {
    if (document.hidden || asking) return;
    asking = true;
    try {
      const answer = await fetch(location.href, { signal: AbortSignal.timeout(10000) });
      if (!answer.ok) throw new Error(`it answers ${answer.status}`);
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      if (!page.getElementById("main")) throw new Error("its answer is no page of it");
      if (!inUse(document.getElementById("main"))) put(page);
      since = "";
      alarm.hidden = true;
    } catch (error) {
      since ||= new Date().toISOString().slice(11, 19);
      alarm.textContent = `⚠ slo-daemon does not answer since ${since} UTC (${error.message}). What is shown is not the present.`;
      alarm.hidden = false;
    } finally {
      asking = false;
    }
  };

  if (every) {
    setInterval(renew, every);
    document.addEventListener("visibilitychange", renew);
  }
})();
