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

const exposed = takeExposed("__GEETEST_ASK__");

/** The page's scripts need not see the way out. Older versions of Playwright look their function up by its name again. */
function takeExposed(name) {
  const found = window[name];
  if (typeof found !== "function") {
    return null;
  }
  if ("__installed" in found || "callbacks" in found) {
    Object.defineProperty(window, name, { value: found, enumerable: false, configurable: true });
  } else {
    delete window[name];
  }
  return found;
}

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
