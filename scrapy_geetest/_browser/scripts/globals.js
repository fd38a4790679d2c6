// What the page's scripts find: the two functions of GeeTest's loaders, and what those end with.

/** [v3] initGeetest, [v4] initGeetest4: the callback comes later, as after the loading of GeeTest's scripts. */
function start(version, config, callback) {
  const widget = new Widget(version, config);
  const wrapped = inItsZone(callback);
  whenParsed(() => {
    if (widget.gone) {
      return;
    }
    run([wrapped], undefined, widget.api);
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

function isCall([config, callback]) {
  return Boolean(config) && typeof config === "object" && isFunction(callback);
}

function initialise(version) {
  return (config, callback) => start(version, config || {}, isFunction(callback) ? callback : () => undefined);
}

/** What GeeTest's loaders, and copies of them in bundles, make a widget with once they have loaded the rest. */
function construct(version) {
  return function Geetest(config) {
    const widget = new Widget(version, config || {});
    setTimeout(() => widget.ready(), SOON_MS);
    return widget.api;
  };
}

function install() {
  for (const [name, value] of [["Geetest", construct(V3)], ["Geetest4", construct(V4)]]) {
    defineProperty(window, name, { value, writable: true, enumerable: false, configurable: true });
  }
  // Scripts may redefine or declare the globals: look after each, before the next one can call them.
  const guards = [keep("initGeetest", initialise(V3)), keep("initGeetest4", initialise(V4))];
  const guard = () => guards.forEach((each) => each());
  const observer = new MutationObserver(guard);
  observer.observe(document, { childList: true, subtree: true });
  listen(document, "readystatechange", guard, true);
  listen(document, "load", guard, true);
  listen(window, "load", () => observer.disconnect());
}

if (exposed) {
  install();
}
