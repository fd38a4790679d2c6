// Where the answer goes in forms.

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
    const present = new Set(Array.from(this.form.querySelectorAll("[name]"), (input) => input.name));
    const inputs = new Inputs(names.filter((name) => !present.has(name)));
    if (inputs.inputs.length) {
      inputs.fill(this.solution);
      this.form.append(inputs.element);
      this.added.push(inputs.element);
    }
  }

  clear() {
    this.solution = null;
    this.added.forEach((each) => each.remove());
    this.added = [];
  }
}

/** The crawl looks at this window only: a form that would show its answer in a new one shows it here. */
function stayHere(form) {
  for (const owner of [form, ...form.querySelectorAll("[formtarget]")]) {
    const name = owner === form ? "target" : "formtarget";
    if ((owner.getAttribute(name) || "").toLowerCase() === "_blank") {
      owner.setAttribute(name, "_self");
    }
  }
}
