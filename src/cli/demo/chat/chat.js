"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const state = byId("state"), present = byId("present"), posts = byId("posts"), message = byId("message");
  const me = document.body.dataset.user;
  const page = performance.getEntriesByType("navigation")[0];
  const protocol = page && page.nextHopProtocol === "h2" ? "page over HTTP/2" : "page over HTTP/1.1";
  let socket = null, seq = 0, wait = 0;

  const show = (live, text) => {
    state.className = live ? "live" : "";
    state.textContent = text;
    if (!live) present.textContent = "";
  };

  // Names and messages are text and never markup.
  const draw = (post) => {
    const line = document.createElement("li"), name = document.createElement("b"), at = document.createElement("time");
    if (post.user_id === me) line.className = "own";
    name.textContent = post.name;
    const when = new Date(post.create_at);
    at.dateTime = when.toISOString();
    at.textContent = when.toLocaleTimeString();
    line.append(name, at, "\n" + post.message);
    if (post.room) {
      const join = document.createElement("a");
      join.className = "act";
      join.textContent = "Join meeting";
      join.href = "/jitsi/" + encodeURIComponent(post.room);
      join.target = "_blank";
      join.rel = "noopener";
      line.append(join);
    }
    posts.append(line);
    posts.scrollTop = posts.scrollHeight;
  };

  const events = {
    hello() {
      // All that is remembered comes again after this.
      posts.replaceChildren();
      wait = 0;
      show(true, "Live");
    },
    posted: draw,
    present({ connections }) {
      present.textContent = (connections === 1 ? "1 connection" : connections + " connections") + ", " + protocol;
    },
  };

  const connect = () => {
    show(false, "Connecting…");
    socket = new WebSocket(location.origin.replace("http", "ws") + "/api/v4/websocket");
    socket.addEventListener("message", ({ data }) => {
      const frame = JSON.parse(data);
      if (frame.event in events) events[frame.event](frame.data);
      if (frame.status === "FAIL") show(true, "Not sent: " + frame.error.message);
    });
    socket.addEventListener("close", async ({ code }) => {
      if (code === 1008) return location.assign("/login");
      wait = Math.min(wait ? wait * 2 : 1, 30);
      show(false, "Not connected; trying again in " + wait + " s");
      setTimeout(connect, wait * 1000);
      // A session that ended meanwhile is refused before there is any connection to be told over.
      const asked = await fetch("/api/v4/users/me").catch(() => null);
      if (asked && asked.status === 401) location.assign("/login");
    });
  };

  const send = (data) => {
    if (!socket || socket.readyState !== WebSocket.OPEN) return false;
    socket.send(JSON.stringify({ action: "post", seq: ++seq, data }));
    return true;
  };

  byId("write").addEventListener("submit", (event) => {
    event.preventDefault();
    if (message.value.trim() && send({ message: message.value })) message.value = "";
  });
  byId("meet").addEventListener("click", ({ currentTarget }) => {
    send({ message: "I have started a meeting.", room: currentTarget.dataset.room });
  });
  connect();
})();
