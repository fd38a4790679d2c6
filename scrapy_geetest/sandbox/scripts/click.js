// A script of the site's own: it loads GeeTest's, and makes the widget, only when a visitor asks for the offers.
document.getElementById("show").addEventListener("click", function begin() {
  this.removeEventListener("click", begin);
  const loader = document.createElement("script");
  loader.src = "[[loader]]";
  loader.onload = () => {
    window.initGeetest4({ captchaId: "[[captcha_id]]", product: "float" }, (captcha) => {
      captcha.appendTo("#captcha-holder").onSuccess(() => {
        const options = {
          method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ captcha: captcha.getValidate() }),
        };
        fetch("[[target]]", options).then((answer) => answer.json()).then((answer) => {
          document.getElementById("items").innerHTML = answer.html || answer.message;
        });
      });
    });
  };
  document.head.append(loader);
});
