// Two widgets, v3 and v4, each for a list of its own.
function load(list, query) {
  fetch("[[target]]?list=" + list + "&" + new URLSearchParams(query))
    .then((answer) => answer.text())
    .then((text) => { document.getElementById(list).innerHTML = text; });
}
fetch("[[register]]").then((answer) => answer.json()).then((told) => {
  initGeetest({ gt: told.gt, challenge: told.challenge, offline: !told.success, product: "embed" }, (prices) => {
    prices.appendTo("#prices");
    prices.onSuccess(() => load("prices", prices.getValidate()));
  });
});
initGeetest4({ captchaId: "[[captcha_id]]" }, (stock) => {
  stock.appendTo("#stock");
  stock.onSuccess(() => load("stock", stock.getValidate()));
});
