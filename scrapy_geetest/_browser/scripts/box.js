// What a visitor sees.

const LABELS = { idle: "Click to verify", busy: "Verifying", passed: "Verified", failed: "Not verified" };
// The class names by which GeeTest's own boxes, and the scripts and styles of pages, tell the states apart.
const STATE_CLASSES = {
  3: { busy: "geetest_radar_click_wait", passed: "geetest_radar_success", failed: "geetest_radar_error" },
  4: { busy: "geetest_freeze_wait", passed: "geetest_lock_success", failed: "geetest_error" },
};

/** What a visitor sees and clicks, with the class names of GeeTest's own box; nothing of it needs a style sheet. */
class Box {
  constructor(version, product, width, inputs, clicked) {
    this.isV3 = version === 3;
    this.states = STATE_CLASSES[version];
    this.label = element("div", this.isV3 ? "geetest_radar_tip_content" : "geetest_tip");
    this.button = element("div", this.isV3 ? "geetest_radar_tip" : "geetest_btn_click");
    this.root = this.isV3 ? this.buildV3(inputs) : this.buildV4(product);
    this.button.tabIndex = 0;
    this.holder = this.root.matches(".geetest_holder") ? this.root : this.root.firstChild;
    Object.assign(this.holder.style, {
      position: "relative", boxSizing: "border-box", width, minWidth: "160px", height: "44px", lineHeight: "42px",
      textAlign: "center", border: "1px solid #ccc", borderRadius: "2px", background: "#f7f7f7", cursor: "pointer",
    });
    listen(this.holder, "click", clicked);
    this.show("idle");
  }

  buildV3(inputs) {
    this.button.append(this.label);
    const button = element("div", "geetest_btn", element("div", "geetest_radar_btn", this.button));
    return element("div", "geetest_holder geetest_wind", inputs.element, button);
  }

  buildV4(product) {
    Object.assign(this.button.style, { position: "absolute", inset: "0" });
    const wrap = element("div", "geetest_tips_wrap", this.label);
    const content = element("div", "geetest_content", element("div", "geetest_tip_container", wrap));
    return element("div", `geetest_captcha geetest_${product}`, element("div", "geetest_holder", this.button, content));
  }

  show(state) {
    Object.values(this.states).forEach((name) => this.root.classList.remove(name));
    if (this.states[state]) {
      this.root.classList.add(this.states[state]);
    }
    // A script that waits for the end of v3 looks for these; the box stays one that can be clicked.
    this.button.classList.toggle("geetest_success_radar_tip", this.isV3 && state === "passed");
    this.label.classList.toggle("geetest_success_radar_tip_content", this.isV3 && state === "passed");
    this.label.textContent = LABELS[state];
    this.button.setAttribute("aria-label", LABELS[state]);
  }
}

function widthOf(config) {
  const width = config.width || (config.nativeButton && config.nativeButton.width) || config.btnWidth;
  return typeof width === "number" ? `${width}px` : text(width) || "300px";
}
