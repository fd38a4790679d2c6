// Two steps: the answer earns a ticket, and the page goes on with the ticket.
(async () => {
  const { gt, challenge, success } = await (await fetch("[[register]]")).json();
  const captcha = await new Promise((resolve) => {
    initGeetest({ gt, challenge, offline: !success, new_captcha: true, product: "custom", area: "#captcha-holder" }, resolve);
  });
  captcha.appendTo("#captcha-holder");
  await new Promise((resolve) => captcha.onSuccess(resolve));
  const body = new URLSearchParams(captcha.getValidate());
  const { ticket } = await (await fetch("[[target]]", { method: "POST", body })).json();
  if (ticket) {
    location.href = "[[next]]?ticket=" + encodeURIComponent(ticket);
  } else {
    document.getElementById("message").textContent = "no ticket";
  }
})();
