// Passkeys (WebAuthn): asks the browser for what the page's form needs, and sends the form. The form works with this script only.
"use strict";

const form = document.querySelector("form[data-passkey]");
const trouble = document.getElementById("passkey-trouble");

/** Return the bytes of a text in base64url. */
function bytesOf(text) {
  const plain = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
  return Uint8Array.from(plain, (letter) => letter.charCodeAt(0));
}

/** Return bytes as a text in base64url, or nothing if there are none. */
function textOf(buffer) {
  if (!buffer) return undefined;
  const plain = String.fromCharCode(...new Uint8Array(buffer));
  return btoa(plain).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}

const named = (credentials) => (credentials || []).map((one) => ({ ...one, id: bytesOf(one.id) }));

/** Make a passkey, and return what the server has to know of it. */
async function make(options) {
  const publicKey = {
    ...options,
    challenge: bytesOf(options.challenge),
    user: { ...options.user, id: bytesOf(options.user.id) },
    excludeCredentials: named(options.excludeCredentials),
  };
  const made = await navigator.credentials.create({ publicKey });
  return answerOf(made, {
    attestationObject: textOf(made.response.attestationObject),
    transports: made.response.getTransports ? made.response.getTransports() : [],
  });
}

/** Have a passkey sign the challenge, and return its answer. */
async function use(options) {
  const publicKey = {
    ...options,
    challenge: bytesOf(options.challenge),
    allowCredentials: named(options.allowCredentials),
  };
  const used = await navigator.credentials.get({ publicKey });
  return answerOf(used, {
    authenticatorData: textOf(used.response.authenticatorData),
    signature: textOf(used.response.signature),
    userHandle: textOf(used.response.userHandle),
  });
}

function answerOf(credential, response) {
  return {
    id: credential.id,
    rawId: textOf(credential.rawId),
    type: credential.type,
    response: { clientDataJSON: textOf(credential.response.clientDataJSON), ...response },
  };
}

/** Return what went wrong, in words. The names are those of the standard (https://www.w3.org/TR/webauthn-3/). */
function wordsFor(fault) {
  if (fault.name === "NotAllowedError") return "No passkey was given: it was cancelled, took too long, or there is none here.";
  if (fault.name === "InvalidStateError") return "This device or key has a passkey for your account already.";
  if (fault.name === "SecurityError") {
    return "Passkeys don't work at this address. They need https and a name, not a number; on your own machine, open http://localhost instead.";
  }
  return `The browser couldn't do it: ${fault.message || fault.name}`;
}

async function ask() {
  trouble.hidden = true;
  const options = JSON.parse(form.dataset.options);
  try {
    const answer = await (form.dataset.passkey === "make" ? make(options) : use(options));
    form.elements.credential.value = JSON.stringify(answer);
    form.submit();
  } catch (fault) {
    trouble.textContent = wordsFor(fault);
    trouble.hidden = false;
  }
}

if (form) {
  if (!window.PublicKeyCredential) {
    trouble.textContent = "This browser can't use passkeys at this address: they need https, or http://localhost.";
    trouble.hidden = false;
  } else {
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      ask();
    });
    ask();
  }
}
