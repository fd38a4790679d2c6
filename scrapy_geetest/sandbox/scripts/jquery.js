// As much of jQuery as the pages use.
(() => {
  function send(method, url, body, options) {
    const request = new XMLHttpRequest();
    request.open(method, url, Boolean(options.success));
    for (const [name, value] of Object.entries(options.headers || {})) { request.setRequestHeader(name, value); }
    request.setRequestHeader("X-Requested-With", "XMLHttpRequest");
    if (body !== null) {
      request.setRequestHeader("Content-Type", "application/x-www-form-urlencoded; charset=UTF-8");
    }
    request.onload = () => {
      const text = request.responseText;
      if (options.success) { options.success(options.dataType === "json" ? JSON.parse(text) : text); }
    };
    request.send(body);
    return request;
  }

  function sendJsonp(url, success) {
    const name = "jQuery" + Date.now();
    window[name] = success;
    document.head.append(Object.assign(document.createElement("script"), { src: url + "&callback=" + name }));
  }

  function $(selector) {
    const element = selector[0] === "<" ? document.createElement("input") : document.querySelector(selector);
    const found = {
      attr(name, value) { element.setAttribute(name, value); return found; },
      val(value) { element.value = value; element.type = "hidden"; return found; },
      appendTo(place) { document.querySelector(place).append(element); return found; },
      hide() { if (element) { element.style.display = "none"; } return found; },
      submit() { element.submit(); return found; }
    };
    return found;
  }

  $.param = (data) => Object.keys(data).map((key) => key + "=" + encodeURIComponent(data[key])).join("&");
  $.extend = Object.assign;
  $.each = (data, one) => Object.keys(data).forEach((key) => one(key, data[key]));
  $.post = (url, data, success) => send("POST", url, typeof data === "string" ? data : $.param(data), { success });
  $.ajax = (first, second = {}) => {
    const options = typeof first === "object" ? first : { ...second, url: first };
    return options.dataType === "jsonp" ? sendJsonp(options.url, options.success) : send("GET", options.url, null, options);
  };
  window.$ = $;
})();
