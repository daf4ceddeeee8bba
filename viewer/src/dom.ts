// Small functions that make DOM nodes. Text always becomes a text node: no markup is ever parsed.

export type Child = Node | string | number | null | undefined | false | Child[];

type Handler = (event: never) => void;
/** `true` sets an empty attribute, `false` and `undefined` leave it out, a function is a listener (`onclick`). */
export type Attributes = Record<string, string | number | boolean | undefined | Handler>;

export function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const node = document.createElement(tag);
  setAttributes(node, attributes);
  appendChildren(node, children);
  return node;
}

export function svgElement<K extends keyof SVGElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: Child[]
): SVGElementTagNameMap[K] {
  const node = document.createElementNS('http://www.w3.org/2000/svg', tag);
  setAttributes(node, attributes);
  appendChildren(node, children);
  return node;
}

function setAttributes(node: Element, attributes: Attributes): void {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === false) continue;
    if (name === 'style') throw new Error('the Content-Security-Policy forbids style attributes: use setStyles');
    if (typeof value === 'function') node.addEventListener(name.replace(/^on/, ''), value as EventListener);
    else node.setAttribute(name, value === true ? '' : String(value));
  }
}

export function appendChildren(node: Node, children: Child[]): void {
  for (const child of children) {
    if (child === null || child === undefined || child === false) continue;
    if (Array.isArray(child)) appendChildren(node, child);
    else node.appendChild(child instanceof Node ? child : document.createTextNode(String(child)));
  }
}

export function replaceChildren(node: Element, ...children: Child[]): void {
  node.textContent = '';
  appendChildren(node, children);
}

/** Sets CSS properties one by one, which a strict Content-Security-Policy allows (a `style` attribute it does not). */
export function setStyles(node: HTMLElement | SVGElement, styles: Partial<CSSStyleDeclaration>): void {
  Object.assign(node.style, styles);
}

export function setCustomProperty(node: HTMLElement, name: `--${string}`, value: string): void {
  node.style.setProperty(name, value);
}

export function pixels(value: number): string {
  return `${Math.round(value * 100) / 100}px`;
}
