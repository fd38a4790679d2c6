(() => {
[[widget]]
window.initGeetest4 = (config, ready) => {
  const risk = config.riskType ? "&risk_type=" + config.riskType : "";
  const query = "client_type=web&captcha_id=" + config.captchaId + risk;
  ready(makeWidget((done) => {
    ask("/geetest/load?" + query, ({ lot_number: lot }) => {
      ask("/geetest/verify?" + query + "&w=0&lot_number=" + lot, ({ seccode }) => done(seccode));
    });
  }, []));
};
})();
