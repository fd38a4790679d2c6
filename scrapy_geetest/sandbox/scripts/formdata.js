// v4, bind: a button opens it, and the whole form is posted as multipart data.
class Search {
  constructor(form, results) {
    Object.assign(this, { form, results });
    initGeetest4({ captchaId: "[[captcha_id]]", product: "bind" }, (captcha) => {
      this.captcha = captcha.onSuccess(() => this.send()).onError((error) => this.say(error.msg));
    });
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (this.captcha.getValidate()) {
        this.say("solved already");
      } else {
        this.captcha.showCaptcha();
      }
    });
  }

  say(text) {
    this.results.textContent = text;
  }

  async send() {
    const data = new FormData(this.form);
    for (const [name, value] of Object.entries(this.captcha.getValidate())) {
      data.append(name, value);
    }
    const answer = await fetch("[[target]]", { method: "POST", body: data });
    this.results.innerHTML = await answer.text();
    this.captcha.reset();
  }
}

new Search(document.getElementById("search"), document.getElementById("items"));
