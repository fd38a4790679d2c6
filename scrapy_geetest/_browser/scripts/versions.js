// What v3 and v4 differ in: what a page hands over, and what it gets.

const first = (value) => text(Array.isArray(value) ? value[0] : value);

const V3 = {
  number: 3,
  product: "popup", // [v3] the default
  fields: ["geetest_challenge", "geetest_validate", "geetest_seccode"],
  handedOver: (config) => ({
    gt: text(config.gt),
    challenge: text(config.challenge),
    offline: Boolean(config.offline),
    new_captcha: config.new_captcha === undefined ? null : Boolean(config.new_captcha),
    apiServer: first(config.api_server || config.apiServer || config.api_server_v3),
  }),
  complete: (solution) => solution,
  error: (code, msg) => ({ code, error_code: code, msg, user_error: msg }),
};

const V4 = {
  number: 4,
  product: "float", // [v4] the default
  fields: ["lot_number", "captcha_output", "pass_token", "gen_time"],
  handedOver: (config) => ({
    captchaId: text(config.captchaId),
    riskType: text(config.riskType),
    apiServer: first(config.apiServers),
  }),
  complete: (solution, config) => ({ captcha_id: text(config.captchaId), ...solution }),
  error: (code, msg) => ({ code, msg, desc: { detail: msg } }),
};

/** [seen] Loaders of both versions have named their function `initGeetest`: what is handed over tells whose it is. */
function versionOf(config, named) {
  const isV3 = Boolean(config.gt);
  const isV4 = Boolean(config.captchaId);
  if (isV3 === isV4) {
    return named;
  }
  return isV3 ? V3 : V4;
}
