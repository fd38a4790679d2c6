// In the place of GeeTest's puzzles: a button, whose solutions the sandbox's GeeTest makes at once.
function ask(url, then) {
  const name = "geetest_" + Date.now() + Math.floor(Math.random() * 10000);
  const tag = document.createElement("script");
  window[name] = (answer) => {
    if (answer.status === "success") { then(answer.data); } else { console.error(answer.msg); }
  };
  tag.src = url + "&callback=" + name;
  document.head.append(tag);
}

function makeWidget(solve, names) {
  const told = [];
  const inputs = names.map((name) => Object.assign(document.createElement("input"), { type: "hidden", name }));
  const find = (place) => (typeof place === "string" ? document.querySelector(place) : place);
  let solution = false;

  function begin() {
    solve((result) => {
      solution = result;
      inputs.forEach((input) => { input.value = result[input.name]; });
      told.forEach((one) => one());
    });
    return captcha;
  }

  const captcha = {
    appendTo(place) {
      const button = Object.assign(document.createElement("button"), { type: "button", textContent: "I am human" });
      button.className = "pass-captcha";
      button.onclick = begin;
      find(place).append(...inputs, button);
      return captcha;
    },
    bindForm(form) { find(form).append(...inputs); return captcha; },
    onReady(one) { setTimeout(one, 10); return captcha; },
    onSuccess(one) { told.push(one); return captcha; },
    onError() { return captcha; },
    getValidate() { return solution; },
    reset() { solution = false; return captcha; },
    verify: begin,
    showCaptcha: begin
  };
  return captcha;
}
