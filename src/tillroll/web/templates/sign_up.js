// Shows the shop's sign-up form where this script stands in a page of the storefront:
// <script src="https://tillroll.shop.example/signup/1003/form.js" async></script>
(() => {
  "use strict";
  const script = document.currentScript;
  const form = new URL(script.src);
  form.pathname = form.pathname.replace(/\/form\.js$/, "");
  form.search = "";
  form.searchParams.set("framed", "1");
  if (document.documentElement.lang) {
    form.searchParams.set("lang", document.documentElement.lang.slice(0, 10));
  }
  const frame = document.createElement("iframe");
  frame.src = form.href;
  frame.title = script.dataset.title || "Newsletter";
  frame.loading = "lazy";
  frame.referrerPolicy = "no-referrer";
  frame.style.border = "0";
  frame.style.width = "100%";
  frame.style.height = script.dataset.height || "26rem";
  script.after(frame);
})();
