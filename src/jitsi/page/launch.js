"use strict";
(() => {
  const link = document.getElementById("open");
  const parts = document.querySelectorAll("[data-when]");
  const show = (state) => {
    for (const part of parts) part.hidden = !part.dataset.when.split(" ").includes(state);
  };

  // The Mattermost plugin puts the meeting's topic behind the "#" of its links. It goes along where it is a plain
  // JSON string of at most 200 characters; nothing else from there does.
  const topic = () => {
    const name = "config.callDisplayName=";
    const part = location.hash.slice(1).split("&").find((part) => part.startsWith(name));
    if (part === undefined) return null;
    try {
      const value = JSON.parse(decodeURIComponent(part.slice(name.length)));
      if (typeof value !== "string" || value === "" || [...value].length > 200) return null;
      return name + encodeURIComponent(JSON.stringify(value));
    } catch {
      return null;
    }
  };
  const carried = topic();
  if (carried !== null) link.href += (link.href.includes("#") ? "&" : "#") + carried;

  link.addEventListener("click", () => show("launched"));
  // On a phone people choose between app and browser.
  if (document.getElementById("app")) return;

  show("opening");
  // Straight to the meeting: the Mattermost desktop app hands this to the default browser, and would
  // stop an empty window that is sent on later. "noopener" would hide whether a window opened at all.
  const opened = window.open(link.href, "_blank");
  if (opened) opened.opener = null;
  // The desktop app opens the browser and still says null.
  const desktop = navigator.userAgent.includes("Mattermost/");
  if (opened || desktop) setTimeout(show, 2000, "launched");
  else show("blocked");
})();
