// Values of variables in a text. Anyone can write an address with a value in it, so no value is ever read as Markdown or HTML: a token that
// means nothing to either stands for it while the text is parsed, and the value takes its place in the finished nodes.

export interface TokenText {
  content: string;
  /** Puts the values in the places of their tokens, in text and in attributes. */
  fill(root: ParentNode): void;
}

const variable = /\$\w+|\[\[\w+(?::\w+)?\]\]|\$\{\w+[^}]*\}/g;

/** `valueOf` gives a variable's value, and what is no variable back as it is. */
export function withTokens(content: string, valueOf: (variable: string) => string): TokenText {
  let prefix = 'value';
  while (content.includes(prefix)) {
    prefix += 'x';
  }
  const values: string[] = [];
  const tokens = content.replace(variable, (name) => {
    const value = valueOf(name);
    return value === name ? name : `${prefix}${values.push(value) - 1}z`;
  });
  const token = new RegExp(`${prefix}(\\d+)z`, 'g');
  const filled = (text: string): string => text.replace(token, (_, index: string) => values[Number(index)] ?? '');
  return {
    content: tokens,
    fill(root) {
      if (values.length === 0) {
        return;
      }
      const texts = document.createTreeWalker(root as Node, NodeFilter.SHOW_TEXT);
      while (texts.nextNode()) {
        const node = texts.currentNode as Text;
        node.data = filled(node.data);
      }
      for (const element of root.querySelectorAll('*')) {
        for (const { name, value } of [...element.attributes]) {
          if (value.includes(prefix)) {
            element.setAttribute(name, filled(value));
          }
        }
      }
    },
  };
}
