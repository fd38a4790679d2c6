// What the other parts use, taken before a script of the page can replace it.

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

/** Where Angular's zone.js is: a callback runs in the zone that it comes from, else the page would not show its effects. */
function inItsZone(callback) {
  const zone = window.Zone && window.Zone.current;
  return zone && isFunction(zone.wrap) ? zone.wrap(callback, "geetest") : callback;
}

/** Run the page's callbacks: one that throws stops neither the others nor the widget. */
function run(callbacks, owner, argument) {
  for (const callback of callbacks) {
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
