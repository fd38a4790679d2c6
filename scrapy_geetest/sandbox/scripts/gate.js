// A gate: once the session is open, the page is loaded again.
initGeetest4({ captchaId: "[[captcha_id]]", product: "float", nativeButton: { width: "100%" } }, function (gt) {
  gt.appendTo("#captcha-holder").onSuccess(function () {
    var body = new URLSearchParams(gt.getValidate());
    fetch("[[target]]", { method: "POST", body: body, redirect: "manual" }).then(function (answer) {
      if (answer.type === "opaqueredirect") {
        location.reload();
      } else {
        gt.reset();
      }
    });
  });
});
