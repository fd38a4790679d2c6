// A widget: what the page's script holds, and what the crawl hears of it.

const READY = ["onReady", "onNextReady"];
const LATE = [...READY, "onSuccess", "onError"]; // told to callbacks that are registered afterwards, too
const EVENTS = [...READY, "onBoxShow", "onSuccess", "onFail", "onError", "onClose"];
const NEVER = ["onRefresh", "onStatusChange"]; // of the pictures that a visitor is shown
const IDLE = ["enable", "disable", "zoom", "setInfos", "uploadExtraData"];

class Widget {
  constructor(named, config) {
    const version = versionOf(config, named);
    this.version = version;
    this.config = config;
    this.product = text(config.product) || version.product;
    this.id = newId();
    this.round = 0;
    this.callbacks = Object.fromEntries(EVENTS.map((name) => [name, []]));
    this.checks = [];
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

  settle(answer) {
    if (!this.isReady) {
      this.early = answer; // onReady comes first
      return;
    }
    const { solution, error } = answer;
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
    if (this.gone || this.solution || !this.checks.every((check) => check())) {
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
    const callbacks = [...this.callbacks[name]];
    if (!callbacks.length && name === "onError" && isFunction(this.config.onError)) {
      callbacks.push(this.config.onError); // [v4] the configuration may bring one
    }
    if (!callbacks.length && LATE.includes(name)) {
      this.unheard[name] = argument;
    }
    run(callbacks, this.api, argument);
  }

  /** A visitor takes seconds; a solution may be there before the page has said what to do with it. */
  on(name, callback) {
    if (!isFunction(callback)) {
      return;
    }
    const wrapped = inItsZone(callback);
    this.callbacks[name].push(wrapped);
    if (name in this.unheard || (this.isReady && READY.includes(name))) {
      const argument = this.unheard[name];
      delete this.unheard[name];
      setTimeout(() => this.gone || run([wrapped], this.api, argument), 0);
    }
  }

  /** Whether or not it has a place by now: some pages call appendTo only then. */
  ready() {
    if (!this.isReady) {
      this.isReady = true;
      READY.forEach((name) => this.emit(name));
      if (this.early) {
        this.settle(this.early);
      }
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
      this.placeInputs();
    } else if (looks < LOOKS) {
      setTimeout(() => this.append(place, looks + 1), LOOK_MS);
    }
  }

  /** [v3] bindForm; pages call it before and after the solution is there. */
  bindForm(place) {
    this.bound = place;
    this.placeInputs();
  }

  placeInputs() {
    const bound = this.bound && findElement(this.bound);
    const form = bound || this.box.root.closest("form");
    if (form && this.solution) {
      stayHere(form);
    }
    if (bound && this.inputs.element.parentNode !== bound) {
      bound.append(this.inputs.element);
    }
    this.inputs.fill(this.solution);
    if (this.version.number === 4) {
      this.serveForm(bound ? null : form);
    }
  }

  serveForm(form) {
    if (this.surrounding && this.surrounding.form !== form) {
      this.surrounding.clear();
      this.surrounding = null;
    }
    if (form && !this.surrounding) {
      this.surrounding = new SurroundingForm(form);
    }
    if (this.surrounding) {
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
    validate: (check) => isFunction(check) && widget.checks.push(inItsZone(check)), // [seen]: what verify asks first
  };
  [...NEVER, ...IDLE].forEach((name) => { // [seen]
    methods[name] = () => undefined;
  });
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
