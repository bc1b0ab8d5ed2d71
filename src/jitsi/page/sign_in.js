"use strict";
(() => {
  const state = document.getElementById("state");
  const show = (name) => {
    for (const part of state.children) part.hidden = part.dataset.when !== name;
  };
  const every = 3000;
  const until = Date.now() + 600000;
  let timer = null;
  // Only who was nobody before is led on: a page that comes back although somebody is signed in must not go round.
  let nobody = false;

  const ask = async () => {
    clearTimeout(timer);
    timer = null;
    let status = 0;
    try {
      status = (await fetch(state.dataset.session, {cache: "no-store", redirect: "manual"})).status;
    } catch {
      // No network just now: the next time will tell.
    }
    if (status === 204 && nobody) {
      show("signed-in");
      location.replace(state.dataset.again);
      return;
    }
    if (status === 401) nobody = true;
    wait();
  };
  const wait = () => {
    if (timer !== null || document.hidden) return;
    if (Date.now() < until) timer = setTimeout(ask, every);
    else giveUp();
  };
  // The link is still there; nothing is promised any more.
  const giveUp = () => show(null);
  // Whoever comes back from the login's tab is not kept waiting.
  document.addEventListener("visibilitychange", () => {
    clearTimeout(timer);
    timer = null;
    if (document.hidden) return;
    if (Date.now() < until) ask();
    else giveUp();
  });
  show("asking");
  ask();
})();
