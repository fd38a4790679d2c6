// v4, popup: the answer goes into the query of a GET.
var names = ["lot_number", "captcha_output", "pass_token", "gen_time"];
initGeetest4({ captchaId: "[[captcha_id]]", product: "popup", language: "eng", riskType: "slide" }, function (captcha) {
  captcha.appendTo(document.getElementById("captcha-holder"));
  captcha.onSuccess(async function () {
    var result = captcha.getValidate();
    var missing = names.filter(function (name) { return !result[name]; });
    if (missing.length || result.captcha_id !== "[[captcha_id]]") {
      document.querySelector("#message").textContent = "incomplete: " + missing;
      return;
    }
    var answer = await fetch("[[target]]?" + new URLSearchParams(result));
    document.querySelector("#items").innerHTML = await answer.text();
  });
});
