// Comfort only: every page works without this file.
(function () {
  "use strict";
  var root = document.documentElement;
  root.classList.add("js");

  // Light or dark, without a reload; the link does the same through the server.
  document.addEventListener("click", function (event) {
    var link = event.target.closest("[data-theme-choice]");
    if (!link) { return; }
    event.preventDefault();
    var choice = link.dataset.themeChoice;
    root.dataset.theme = choice;
    document.cookie = "tuikuan_theme=" + choice + "; Path=/; SameSite=Lax; Max-Age=31536000" +
      (location.protocol === "https:" ? "; Secure" : "");
    document.querySelectorAll("[data-theme-choice]").forEach(function (other) {
      if (other === link) { other.setAttribute("aria-current", "true"); } else { other.removeAttribute("aria-current"); }
    });
  });

  // <button type="button" data-copy="text" data-copied="done">
  document.addEventListener("click", function (event) {
    var button = event.target.closest("[data-copy]");
    if (!button || !navigator.clipboard) { return; }
    navigator.clipboard.writeText(button.dataset.copy).then(function () {
      var before = button.textContent;
      button.textContent = button.dataset.copied || before;
      setTimeout(function () { button.textContent = before; }, 1500);
    });
  });

  // <form data-confirm="question">, and no second press of a button.
  document.addEventListener("submit", function (event) {
    var form = event.target;
    var asked = (event.submitter && event.submitter.dataset.confirm) || form.dataset.confirm;
    if (asked && !window.confirm(asked)) { event.preventDefault(); return; }
    if (form.method !== "post") { return; }
    if (form.dataset.sent) { event.preventDefault(); return; }
    form.dataset.sent = "1";
    form.querySelectorAll("button").forEach(function (button) { button.setAttribute("aria-disabled", "true"); });
  });
  window.addEventListener("pageshow", function () {
    document.querySelectorAll("form[data-sent]").forEach(function (form) {
      delete form.dataset.sent;
      form.querySelectorAll("button").forEach(function (button) { button.removeAttribute("aria-disabled"); });
    });
  });

  // <input data-echo="address">: what is typed, said in words, in the element it describes.
  document.querySelectorAll("[data-echo]").forEach(function (input) {
    var out = document.getElementById(input.id + "-echo"), timer = null, last = 0;
    if (!out) { return; }
    function ask() {
      var mine = ++last;
      fetch(input.dataset.echo + "?amount=" + encodeURIComponent(input.value), { redirect: "error" }).then(function (answer) {
        return answer.ok ? answer.text() : "";
      }).then(function (text) { if (mine === last) { out.textContent = text; } }).catch(function () {});
    }
    input.addEventListener("input", function () { clearTimeout(timer); timer = setTimeout(ask, 150); });
    if (input.value) { ask(); }
  });

  // <main data-live="/console/stream?...">: each element with data-part="name" is renewed when
  // something changed, unless somebody is typing in it.
  var main = document.querySelector("[data-live]");
  if (!main || !window.EventSource) { return; }
  var source = new EventSource(main.dataset.live);
  var waiting = null, again = false;
  function busy(part) {
    var active = document.activeElement;
    return part.contains(active) && /^(INPUT|TEXTAREA|SELECT)$/.test(active.tagName);
  }
  function renew() {
    fetch(location.href, { headers: { "X-Requested-With": "live" }, redirect: "error" }).then(function (answer) {
      if (!answer.ok) { throw new Error(String(answer.status)); }
      return answer.text();
    }).then(function (text) {
      var fresh = new DOMParser().parseFromString(text, "text/html");
      document.querySelectorAll("[data-part]").forEach(function (part) {
        var found = fresh.querySelector('[data-part="' + part.dataset.part + '"]');
        if (!found || busy(part) || found.innerHTML === part.innerHTML) { return; }
        var open = Array.prototype.map.call(part.querySelectorAll("details[id][open]"), function (d) { return d.id; });
        part.innerHTML = found.innerHTML;
        open.forEach(function (id) { var d = document.getElementById(id); if (d) { d.open = true; } });
      });
    }).catch(function () { root.classList.add("offline"); }).then(function () {
      waiting = null;
      if (again) { again = false; soon(); }
    });
  }
  function soon() {
    if (waiting) { again = true; return; }
    waiting = setTimeout(renew, 250);
  }
  source.addEventListener("changed", soon);
  // What happened between the page's making and the stream's beginning was not told: look once.
  source.addEventListener("open", function () { root.classList.remove("offline"); root.classList.add("online"); soon(); });
  source.addEventListener("error", function () { root.classList.remove("online"); root.classList.add("offline"); });
})();
