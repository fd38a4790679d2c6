// v3, float: the widget's own inputs go along with the form.
(function () {
  var form = document.getElementById("guarded");
  function refuse(what) {
    document.body.insertAdjacentHTML("beforeend", '<p class="broken">' + what + "</p>");
  }
  fetch("[[register]]?t=" + Date.now()).then(function (answer) { return answer.json(); }).then(function (data) {
    initGeetest({
      gt: data.gt, challenge: data.challenge, offline: !data.success, new_captcha: true, product: "float", lang: "en"
    }, function (captchaObj) {
      if (captchaObj.getValidate() !== false) { return refuse("solved before it was shown"); }
      captchaObj.appendTo("#captcha-holder");
      captchaObj.onReady(function () { document.getElementById("captcha-wait").style.display = "none"; });
      captchaObj.onError(function (error) { refuse(error.error_code); });
      captchaObj.onSuccess(function () {
        var sent = new FormData(form);
        if (sent.get("geetest_challenge").indexOf(data.challenge) !== 0) { return refuse("another challenge"); }
        if (sent.get("geetest_seccode") !== sent.get("geetest_validate") + "|jordan") { return refuse("no seccode"); }
        form.submit();
      });
    });
  });
})();
