/*
  Passkeys. Shows what can be done with them where the browser knows them (and has the newer JSON calls, 2024-09),
  and lets it answer a page's challenge: at once, and again at the button. The answer goes to the server as a form.
*/
"use strict";

const able = Boolean(window.PublicKeyCredential?.parseCreationOptionsFromJSON);

function answer(form) {
  const asked = JSON.parse(form.dataset.challenge);
  return form.dataset.adds === "yes"
    ? navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(asked) })
    : navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(asked) });
}

async function send(form) {
  const button = form.querySelector("button");
  const told = (id, hidden) => { document.getElementById(id).hidden = hidden; };
  button.disabled = true;
  told("failed", true);
  told("known", true);
  try {
    form.elements.answer.value = JSON.stringify(await answer(form));
    form.submit();
  } catch (error) {
    console.info(error);
    told(error.name === "InvalidStateError" ? "known" : "failed", false);
    button.disabled = false;
  }
}

for (const part of document.querySelectorAll("[data-passkeys]")) {
  part.hidden = (part.dataset.passkeys === "yes") !== able;
}
const asking = document.querySelector("form[data-challenge]");
if (able && asking) {
  asking.addEventListener("submit", (event) => { event.preventDefault(); send(asking); });
  send(asking);
}
