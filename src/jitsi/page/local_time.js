"use strict";
// The server does not know the reader's time zone; the browser does.
for (const time of document.querySelectorAll("time[data-local]")) {
  time.textContent = new Date(time.dateTime).toLocaleString(document.documentElement.lang, {dateStyle: "long", timeStyle: "short"});
}
