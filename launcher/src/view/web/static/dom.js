// Elements, always from text and never from markup: whatever a job is called, it is shown and not run.

export const at = (id) => document.getElementById(id);

// An element with properties (`class`, `on…` listeners, attributes) and children, which may be texts.
export function el(name, properties = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (value === true) element.setAttribute(key, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(key, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

// Makes the children of an element those of a list, by `key(item)`. What looks as before stays the same element: the
// focus stays where it is, and a screen reader's place too.
export function fill(parent, items, key, make) {
  const known = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  let place = parent.firstElementChild;
  for (const item of items) {
    const name = String(key(item));
    const made = make(item);
    made.dataset.key = name;
    const old = known.get(name);
    known.delete(name);
    let child = old ?? made;
    if (old && !old.isEqualNode(made)) {
      replace(old, made);
      if (place === old) place = made;
      child = made;
    }
    if (child === place) place = place.nextElementSibling;
    else parent.insertBefore(child, place);
  }
  known.forEach((child) => child.remove());
}

// Puts an element in the place of another; the focus goes to the element of the same `data-focus` in it.
function replace(old, made) {
  const focus = old.contains(document.activeElement) && document.activeElement.dataset.focus;
  old.replaceWith(made);
  if (focus) [...made.querySelectorAll("[data-focus]")].find((element) => element.dataset.focus === focus)?.focus();
}

let forget = 0;

// Says something for a while, to screen readers too.
export function say(text) {
  at("said").textContent = text;
  clearTimeout(forget);
  forget = setTimeout(() => { at("said").textContent = ""; }, 6000);
}
