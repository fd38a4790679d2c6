// In a frame of the page: the answer is handed to the page around it.
fetch("[[register]]").then((answer) => answer.json()).then(({ gt, challenge, success }) => {
  initGeetest({ gt, challenge, offline: !success, new_captcha: true, product: "popup" }, (captcha) => {
    captcha.appendTo("#captcha-holder").onSuccess(() => {
      parent.postMessage({ passed: captcha.getValidate() }, location.origin);
    });
  });
});
