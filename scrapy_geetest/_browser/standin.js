/*
 * The stand-in for GeeTest's widget: runs in every frame before any script of the page, answers for `initGeetest` and
 * `initGeetest4`, and gives the page the solutions that the crawl has bought for it. It asks GeeTest nothing.
 *
 * What it implements is what GeeTest documents for its client side:
 *   [v3]  https://docs.geetest.com/install/apirefer/api/web and https://docs.geetest.com/install/deploy/client/web
 *   [v4]  https://docs.geetest.com/gt4/apirefer/api/web (in English: /BehaviorVerification/apirefer/api/web)
 * and, marked [seen], a few more methods that pages call.
 *
 * One function leads out of the page, `ask(message)`; it returns a promise. Each message names its `kind` and its `widget`:
 *   made, again  a solution may become necessary (again: another one, after reset); the promise tells what became of it:
 *                {solution: {...}}, {error: {code, msg}}, or {untouched: true}
 *   wanted       the page or a click asks for it now
 *   passed       the page's onSuccess callbacks have run
 *   reset, refresh, destroy   the page called these
 *   shadowed     the page has locked a global of that `name`: its own code answers there
 */
(function (askName) {
  "use strict";

  const exposed = window[askName];
  if (typeof exposed !== "function") {
    return;
  }
  // The page's scripts need not see the way out. Older versions of Playwright look their function up by its name again.
  if ("__installed" in exposed || "callbacks" in exposed) {
    Object.defineProperty(window, askName, { value: exposed, enumerable: false, configurable: true });
  } else {
    delete window[askName];
  }

  // ---- Tools, taken before a script of the page can replace them ------------------------------------------------------

  const setTimeout = window.setTimeout.bind(window);
  const createElement = document.createElement.bind(document);
  const randomise = window.crypto.getRandomValues.bind(window.crypto);
  const addListener = EventTarget.prototype.addEventListener;
  const listen = (target, type, listener, capture) => addListener.call(target, type, listener, capture);
  const { defineProperty, getOwnPropertyDescriptor } = Object;
  const { Promise } = window;
  const SOON_MS = 20;
  const PARSING_MS = 1500;
  const LOOK_MS = 50;
  const LOOKS = 200;

  /** The message is written as JSON, which a `toJSON` of an old library on these prototypes would distort. */
  function ask(message) {
    const aside = [];
    for (const owner of [Array.prototype, String.prototype, Object.prototype]) {
      const found = getOwnPropertyDescriptor(owner, "toJSON");
      if (found && found.configurable) {
        delete owner.toJSON;
        aside.push([owner, found]);
      }
    }
    try {
      return exposed(message);
    } catch (error) {
      return Promise.reject(error);
    } finally {
      aside.forEach(([owner, found]) => defineProperty(owner, "toJSON", found));
    }
  }

  /** A message that nobody waits for the answer to: when the page goes away, so does the answer. */
  function tell(message) {
    ask(message).then(null, () => undefined);
  }

  function newId() {
    const words = randomise(new Uint32Array(4));
    return Array.from(words, (word) => word.toString(16).padStart(8, "0")).join("");
  }

  function text(value) {
    return typeof value === "string" || typeof value === "number" ? String(value) : "";
  }

  function isFunction(value) {
    return typeof value === "function";
  }

  /** Run the page's callbacks: one that throws stops neither the others nor the widget. */
  function run(callbacks, owner, argument) {
    for (const callback of [...callbacks]) {
      try {
        callback.call(owner, argument);
      } catch (error) {
        setTimeout(() => {
          throw error;
        }, 0);
      }
    }
  }

  /** What pages give as a place: a selector, an element, or a jQuery object or list of elements. */
  function findElement(place) {
    if (typeof place === "string") {
      try {
        return document.querySelector(place) || document.getElementById(place);
      } catch (error) {
        return document.getElementById(place.replace(/^#/, ""));
      }
    }
    const element = place && place.nodeType === undefined && place.length ? place[0] : place;
    return element && element.nodeType === 1 ? element : null;
  }

  /** GeeTest's scripts take a while to load; pages count on their elements being there when the callback runs. */
  function whenParsed(then) {
    if (document.readyState !== "loading") {
      setTimeout(then, SOON_MS);
      return;
    }
    let due = true;
    const once = () => {
      if (due) {
        due = false;
        setTimeout(then, SOON_MS);
      }
    };
    listen(document, "DOMContentLoaded", once);
    setTimeout(once, PARSING_MS);
  }

  function element(tag, className, ...children) {
    const made = createElement(tag);
    made.className = className;
    made.append(...children);
    return made;
  }

  // ---- What the two versions differ in --------------------------------------------------------------------------------

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

  // ---- The hidden inputs ----------------------------------------------------------------------------------------------

  /** v3 has its inputs in its box from the start, and bindForm takes them into a form: [v3] bindForm, `.geetest_form`. */
  class Inputs {
    constructor(names) {
      this.inputs = names.map((name) => {
        const input = createElement("input");
        input.type = "hidden";
        input.name = name;
        return input;
      });
      this.element = element("div", "geetest_form", ...this.inputs);
    }

    fill(solution) {
      for (const input of this.inputs) {
        input.value = solution ? text(solution[input.name]) : "";
      }
    }
  }

  /**
   * v4 brings no inputs to the form around its box, and most pages add their own. Where a page does not, the form gets
   * what it lacks, without ever sending a field twice: when its data are collected, and after the page's callbacks.
   */
  class SurroundingForm {
    constructor(form) {
      this.form = form;
      this.solution = null;
      this.added = [];
      listen(form, "formdata", (event) => this.complete(event.formData));
    }

    complete(data) {
      for (const [name, value] of Object.entries(this.solution || {})) {
        if (data.getAll(name).every((each) => each === "" || each === value)) {
          data.set(name, value);
        }
      }
    }

    addMissing() {
      const names = Object.keys(this.solution || {});
      const present = new Set(Array.from(this.form.elements, (input) => input.name));
      this.added = names.filter((name) => !present.has(name));
      if (this.added.length) {
        const inputs = new Inputs(this.added);
        inputs.fill(this.solution);
        this.form.append(inputs.element);
        this.added = [inputs.element];
      }
    }

    clear() {
      this.solution = null;
      this.added.forEach((each) => each.remove());
      this.added = [];
    }
  }

  // ---- The box --------------------------------------------------------------------------------------------------------

  const LABELS = { idle: "Click to verify", busy: "Verifying", passed: "Verified", failed: "Not verified" };
  // The class names by which GeeTest's own boxes, and the scripts and styles of pages, tell the states apart.
  const STATE_CLASSES = {
    3: { busy: "geetest_radar_click_wait", passed: "geetest_radar_success", failed: "geetest_radar_error" },
    4: { busy: "geetest_freeze_wait", passed: "geetest_lock_success", failed: "geetest_error" },
  };

  /** What a visitor sees and clicks, with the class names of GeeTest's own box; nothing of it needs a style sheet. */
  class Box {
    constructor(version, product, width, inputs, clicked) {
      this.states = STATE_CLASSES[version];
      this.label = element("div", version === 3 ? "geetest_radar_tip_content" : "geetest_tip");
      this.button = element("div", version === 3 ? "geetest_radar_tip" : "geetest_btn_click");
      this.root = version === 3 ? this.buildV3(inputs) : this.buildV4(product);
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
      this.label.textContent = LABELS[state];
      this.button.setAttribute("aria-label", LABELS[state]);
    }
  }

  function widthOf(config) {
    const width = config.width || (config.nativeButton && config.nativeButton.width) || config.btnWidth;
    return typeof width === "number" ? `${width}px` : text(width) || "300px";
  }

  // ---- A widget -------------------------------------------------------------------------------------------------------

  const READY = ["onReady", "onNextReady"];
  const EVENTS = [...READY, "onBoxShow", "onSuccess", "onFail", "onError", "onClose"];

  class Widget {
    constructor(version, config) {
      this.version = version;
      this.config = config;
      this.product = text(config.product) || version.product;
      this.id = newId();
      this.round = 0;
      this.callbacks = Object.fromEntries(EVENTS.map((name) => [name, []]));
      this.unheard = {}; // events that came before the page had said what to do then: name -> argument
      this.inputs = new Inputs(version.number === 3 ? V3.fields : [...V4.fields, "captcha_id"]);
      this.surrounding = null;
      this.bound = null;
      this.box = new Box(version.number, this.product, widthOf(config), this.inputs, () => this.want("click"));
      Object.assign(this, { pending: false, wanted: false, hidden: false, gone: false, solution: null, held: null });
      this.api = makeApi(this);
      this.request("made");
    }

    get isBind() {
      return this.product === "bind";
    }

    message(kind, more) {
      return { kind, widget: this.id, round: this.round, ...more };
    }

    /** Ask for a solution: what follows is the answer's, or, after `destroy`, nobody's. */
    request(kind) {
      this.round += 1;
      this.pending = true;
      this.wanted = false;
      const { number, handedOver } = this.version;
      const more = { version: number, product: this.product, url: window.location.href, ...handedOver(this.config) };
      ask(this.message(kind, more)).then(
        (answer) => this.settle(answer || {}),
        () => this.settle({ error: { code: "", msg: "the crawl does not answer" } }),
      );
    }

    settle({ solution, error }) {
      this.pending = false;
      if (this.gone) {
        return;
      }
      if (solution) {
        this.held = this.version.complete(solution, this.config);
        this.deliver();
      } else if (error) {
        this.box.show("failed");
        this.emit("onError", this.version.error(text(error.code), text(error.msg)));
      } else {
        this.wanted = false;
        this.box.show("idle");
      }
    }

    /** The page or a visitor asks for the solution. Asking twice, or after it was given, changes nothing. */
    want(because) {
      if (this.gone || this.solution) {
        return;
      }
      this.hidden = false;
      if (this.held) {
        this.deliver();
        return;
      }
      if (!this.pending) {
        this.request("again");
      }
      if (!this.wanted) {
        this.wanted = true;
        this.box.show("busy");
        tell(this.message("wanted", { because }));
        setTimeout(() => this.emit("onBoxShow"), 0);
      }
    }

    deliver() {
      if (this.hidden) {
        return; // for the next time that the page shows it
      }
      const round = this.round;
      [this.solution, this.held] = [this.held, null];
      const { solution } = this;
      this.box.show("passed");
      this.placeInputs();
      this.emit("onSuccess");
      if (this.surrounding && this.solution === solution) {
        this.surrounding.addMissing();
      }
      tell({ ...this.message("passed"), round });
    }

    emit(name, argument) {
      if (this.gone) {
        return;
      }
      if (!this.callbacks[name].length) {
        this.unheard[name] = argument;
      }
      run(this.callbacks[name], this.api, argument);
    }

    /** A visitor takes seconds; a solution may be there before the page has said what to do with it. */
    on(name, callback) {
      if (!isFunction(callback)) {
        return;
      }
      this.callbacks[name].push(callback);
      if (name in this.unheard || (this.isReady && READY.includes(name))) {
        const argument = this.unheard[name];
        delete this.unheard[name];
        setTimeout(() => this.gone || run([callback], this.api, argument), 0);
      }
    }

    /** Whether or not it has a place by now: some pages call appendTo only then. */
    ready() {
      if (!this.isReady) {
        this.isReady = true;
        READY.forEach((name) => this.emit(name));
      }
    }

    /** [v3] [v4] reset: back to the beginning. A solution that is under way stays good for the next time. */
    renew(kind) {
      if (this.gone || this.pending || this.held) {
        return;
      }
      this.forget();
      this.box.show("idle");
      tell(this.message(kind));
      this.request("again");
    }

    forget() {
      [this.solution, this.held, this.hidden] = [null, null, false];
      this.unheard = {};
      this.inputs.fill(null);
      if (this.surrounding) {
        this.surrounding.clear();
      }
    }

    /** [v3] [v4] hideCaptcha closes what the page had opened. */
    hide() {
      if (this.wanted && !this.solution && !this.gone) {
        this.hidden = true;
        setTimeout(() => this.emit("onClose"), 0);
      }
    }

    destroy() {
      if (!this.gone) {
        this.forget();
        this.gone = true;
        this.box.root.remove();
        this.inputs.element.remove();
        tell(this.message("destroy"));
      }
    }

    /** [v3] [v4] appendTo: without effect for a bind product. Pages may still be building the element. */
    append(place, looks = 0) {
      if (this.isBind || this.gone) {
        return;
      }
      const found = findElement(place);
      if (found) {
        found.append(this.box.root);
        this.noteForm(found.closest("form"));
      } else if (looks < LOOKS) {
        setTimeout(() => this.append(place, looks + 1), LOOK_MS);
      }
    }

    noteForm(form) {
      if (form && this.version.number === 4 && !(this.surrounding && this.surrounding.form === form)) {
        this.surrounding = new SurroundingForm(form);
        this.placeInputs();
      }
    }

    /** [v3] bindForm; pages call it before and after the solution is there. */
    bindForm(place) {
      this.bound = place;
      this.placeInputs();
    }

    placeInputs() {
      const form = this.bound && findElement(this.bound);
      if (form && this.inputs.element.parentNode !== form) {
        form.append(this.inputs.element);
      }
      this.inputs.fill(this.solution);
      if (this.surrounding && form) {
        this.surrounding.clear();
      } else if (this.surrounding) {
        this.surrounding.solution = this.solution;
      }
    }
  }

  /** What the page gets: functions that need no `this`, so that it may copy, wrap or freeze the object. */
  function makeApi(widget) {
    const api = {
      getValidate: () => (widget.solution ? { ...widget.solution } : false), // [v3] [v4]
      isOffline: () => false, // [seen]
    };
    const methods = {
      appendTo: (place) => widget.append(place), // [v3] [v4]
      bindForm: (place) => widget.bindForm(place), // [v3]
      verify: () => widget.want("verify"), // [v3], of a bind product
      showCaptcha: () => widget.want("showCaptcha"), // [v4], of a bind product
      showBox: () => widget.want("showBox"), // [v4], the older name of showCaptcha
      show: () => widget.want("showBox"), // [seen]
      hideCaptcha: () => widget.hide(), // [v4]
      hide: () => widget.hide(), // [seen]
      reset: () => widget.renew("reset"), // [v3] [v4]
      refresh: () => widget.renew("refresh"), // [seen]
      destroy: () => widget.destroy(), // [v3] [v4]
      bindOn: (place) => { // [seen]: a button of the page's that opens the widget
        const button = findElement(place);
        if (button) {
          listen(button, "click", () => widget.want("click"));
        }
      },
      uploadExtraData: () => undefined, // [seen]
    };
    // [v3] onReady, onSuccess, onError, onClose; [v4] these and onNextReady, onFail, onBoxShow
    EVENTS.forEach((name) => {
      methods[name] = (callback) => widget.on(name, callback);
    });
    for (const [name, method] of Object.entries(methods)) {
      api[name] = (argument) => {
        method(argument);
        return api;
      };
    }
    return api;
  }

  // ---- The globals ----------------------------------------------------------------------------------------------------

  /** [v3] initGeetest, [v4] initGeetest4: the callback comes later, as after the loading of GeeTest's scripts. */
  function start(version, config, callback) {
    const widget = new Widget(version, config);
    whenParsed(() => {
      if (widget.gone) {
        return;
      }
      run([callback], undefined, widget.api);
      setTimeout(() => widget.ready(), SOON_MS);
    });
  }

  /**
   * A global function that stays ours: what a loader assigns is put aside. Calls that are none of GeeTest's API are for
   * a function of the page's own that happens to have the name.
   */
  function keep(name, answer) {
    let displaced = null;
    let passing = false;
    function standIn(...args) {
      if (isCall(args) || !displaced || passing) {
        return answer(...args);
      }
      passing = true;
      try {
        return displaced.apply(this, args);
      } finally {
        passing = false;
      }
    }
    const set = (value) => {
      if (isFunction(value) && value !== standIn) {
        displaced = value;
      }
    };
    // Configurable: over another property, a script that declares `function`, `let` or `const` of that name would not run.
    const property = { get: () => standIn, set, enumerable: true, configurable: true };
    defineProperty(window, name, property);
    defineProperty(Window.prototype, name, { ...property, enumerable: false }); // for a page that deletes the first
    let lost = false;
    return () => {
      const found = getOwnPropertyDescriptor(window, name);
      if (lost || (found && (found.get === property.get || found.value === standIn))) {
        return;
      }
      set(found && found.value);
      if (!found || found.configurable) {
        defineProperty(window, name, property);
      } else if (found.writable) {
        window[name] = standIn; // declared by a script
      } else {
        lost = true;
        tell({ kind: "shadowed", widget: "", name });
      }
    };
  }

  const isCall = (args) => Boolean(args[0]) && typeof args[0] === "object" && isFunction(args[1]);
  const initialise = (version) => (config, callback) => {
    start(version, config || {}, isFunction(callback) ? callback : () => undefined);
  };
  // What GeeTest's loaders, and copies of them in bundles, make a widget with once they have loaded the rest.
  const construct = (version) => function Geetest(config) {
    const widget = new Widget(version, config || {});
    setTimeout(() => widget.ready(), SOON_MS);
    return widget.api;
  };
  const constructors = { Geetest: construct(V3), Geetest4: construct(V4) };
  for (const [name, value] of Object.entries(constructors)) {
    defineProperty(window, name, { value, writable: true, enumerable: false, configurable: true });
  }
  const guards = [keep("initGeetest", initialise(V3)), keep("initGeetest4", initialise(V4))];

  // Scripts may redefine or declare the globals: look after each, before the next one can call them.
  const guard = () => guards.forEach((each) => each());
  const observer = new MutationObserver(guard);
  observer.observe(document, { childList: true, subtree: true });
  listen(document, "readystatechange", guard, true);
  listen(document, "load", guard, true);
  listen(window, "load", () => observer.disconnect());
})("__GEETEST_ASK__");
