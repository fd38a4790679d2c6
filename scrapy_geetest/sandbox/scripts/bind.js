// v3, bind: the page verifies on its own as soon as the widget is ready, and posts JSON with plain names.
const list = document.getElementById("items");

function show(rows) {
  for (const row of rows) {
    const entry = document.createElement("li");
    entry.className = "item";
    entry.textContent = row.name;
    list.append(entry);
  }
}

function post(url, body, done) {
  const request = new XMLHttpRequest();
  request.open("POST", url);
  request.setRequestHeader("Content-Type", "application/json");
  request.responseType = "json";
  request.onload = () => done(request.response);
  request.send(JSON.stringify(body));
}

function attach(captcha) {
  captcha
    .onReady(() => {
      if (captcha.getValidate() === false) {
        captcha.verify();
      }
    })
    .onSuccess(() => {
      const { geetest_challenge: challenge, geetest_validate: validate, geetest_seccode: seccode } = captcha.getValidate();
      post("[[target]]", { page: 1, captcha: { challenge, validate, seccode } }, (answer) => {
        if (answer.items) {
          show(answer.items);
        } else {
          document.getElementById("message").textContent = answer.message;
          captcha.reset();
        }
      });
    });
}

const asked = new XMLHttpRequest();
asked.open("GET", "[[register]]");
asked.onload = () => {
  const { gt, challenge, success } = JSON.parse(asked.responseText);
  window.initGeetest({ gt, challenge, offline: !success, new_captcha: true, product: "bind" }, attach);
};
asked.send();
