/*
  Leave this page at once (GOV.UK: "Exit this page"). The page is emptied before the other one is there, and
  the other one takes its place in the history: the browser's "back" does not show it. Without this file the
  link leads there all the same.
*/
for (const link of document.querySelectorAll(".leave a")) {
  link.addEventListener("click", event => {
    event.preventDefault();
    const silent = document.createElement("meta");
    silent.name = "referrer";
    silent.content = "no-referrer";
    document.head.append(silent);
    document.title = "";
    document.body.replaceChildren();
    location.replace(link.href);
  });
}
