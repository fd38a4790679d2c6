// A login: the button works once the widget is solved, and the form goes as it is.
var button = document.getElementById("enter");
button.disabled = true;
var request = new XMLHttpRequest();
request.open("GET", "[[register]]?t=" + new Date().getTime());
request.onload = function () {
  var told = JSON.parse(request.responseText);
  initGeetest({
    gt: told.gt, challenge: told.challenge, offline: !told.success, new_captcha: told.new_captcha, product: "float"
  }, function (captchaObj) {
    captchaObj.bindForm("#guarded");
    captchaObj.appendTo("#captcha-holder");
    captchaObj.onSuccess(function () { button.disabled = false; });
  });
};
request.send();
