(() => {
[[widget]]
// v3 brings inputs along, which go with the form around the widget.
window.initGeetest = (config, ready) => {
  const query = "gt=" + config.gt + "&lang=en&w=&challenge=";
  ready(makeWidget((done) => {
    ask("/geetest/get.php?" + query + config.challenge, ({ challenge }) => {
      ask("/geetest/ajax.php?" + query + challenge, ({ validate }) => {
        done({ geetest_challenge: challenge, geetest_validate: validate, geetest_seccode: validate + "|jordan" });
      });
    });
  }, ["geetest_challenge", "geetest_validate", "geetest_seccode"]));
};
})();
