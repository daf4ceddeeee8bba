// Keys and sequences of two keys, as in Grafana. `createKeySequences` is pure; `startKeyboard` listens.
import { isTyping } from './accessibility';

export interface KeyBinding {
  /** `r`, `t z`, `ctrl+k`. */
  keys: string;
  description: string;
  group: 'Everywhere' | 'Dashboard' | 'Time range' | 'Panel under the pointer or focus';
  run(): void;
  /** Also while a text field has the focus. */
  evenTyping?: boolean;
}

/** How long after the first key of a sequence its second may be pressed. */
const sequenceTimeoutMs = 1200;

export interface KeyPress {
  key: string;
  ctrlKey?: boolean;
  metaKey?: boolean;
  altKey?: boolean;
  /** When the key was pressed, in milliseconds: a busy page hears of it later. */
  timeStamp: number;
}

const keyNames: Record<string, string> = { ArrowLeft: 'left', ArrowRight: 'right', Escape: 'esc' };

/** The name of a key press as bindings write it; capital letters keep their case, ctrl and ⌘ are one. */
export function keyName(press: KeyPress): string {
  const key = keyNames[press.key] ?? press.key;
  return press.ctrlKey || press.metaKey ? `ctrl+${key.toLowerCase()}` : key;
}

/** Feeds key presses into sequences; answers with the binding that a press completes. */
export function createKeySequences(bindings: () => KeyBinding[]) {
  let first: { name: string; at: number } | undefined;
  return (press: KeyPress): KeyBinding | undefined => {
    if (press.altKey || ['Shift', 'Control', 'Alt', 'Meta'].includes(press.key)) return undefined;
    const name = keyName(press);
    const sequence = first && press.timeStamp - first.at < sequenceTimeoutMs ? `${first.name} ${name}` : undefined;
    first = undefined;
    // The last binding wins: a page may replace one of the shell.
    const all = [...bindings()].reverse();
    const found = (sequence && all.find((binding) => binding.keys === sequence)) || all.find((binding) => binding.keys === name);
    if (found) return found;
    if (all.some((binding) => binding.keys.startsWith(`${name} `))) first = { name, at: press.timeStamp };
    return undefined;
  };
}

const active: KeyBinding[] = [];

export function activeBindings(): readonly KeyBinding[] {
  return active;
}

/** Adds bindings; the answer takes them away again. */
export function bindKeys(bindings: KeyBinding[]): () => void {
  active.push(...bindings);
  return () => {
    for (const binding of bindings) {
      const index = active.indexOf(binding);
      if (index >= 0) active.splice(index, 1);
    }
  };
}

export function startKeyboard(): void {
  const feed = createKeySequences(() => active);
  document.addEventListener('keydown', (event) => {
    if (event.defaultPrevented || event.isComposing) return;
    const inDialog = document.querySelector('dialog[open]') !== null;
    const typing = isTyping(event.target) || inDialog;
    if (typing && !active.some((binding) => binding.evenTyping && binding.keys === keyName(event))) return;
    const binding = feed(event);
    if (!binding || (typing && !binding.evenTyping)) return;
    event.preventDefault();
    binding.run();
  });
}
