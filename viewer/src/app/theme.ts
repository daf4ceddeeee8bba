// Dark or light: the URL's `theme`, else what the user chose, else what the system prefers.
import { remember, remembered } from './storage';

export type ThemeMode = 'dark' | 'light';

const system = window.matchMedia('(prefers-color-scheme: light)');
const listeners = new Set<(mode: ThemeMode) => void>();
let fromUrl: ThemeMode | undefined;

export function currentTheme(): ThemeMode {
  return fromUrl ?? chosenTheme() ?? (system.matches ? 'light' : 'dark');
}

export function chosenTheme(): ThemeMode | undefined {
  const chosen = remembered<string>('theme', '');
  return chosen === 'dark' || chosen === 'light' ? chosen : undefined;
}

export function chooseTheme(mode: ThemeMode | undefined): void {
  fromUrl = undefined;
  remember('theme', mode ?? '');
  applyTheme();
}

export function toggleTheme(): void {
  chooseTheme(currentTheme() === 'dark' ? 'light' : 'dark');
}

/** Paints in one theme until the answer is called, whatever was chosen: for printing. */
export function paintWith(mode: ThemeMode): () => void {
  const before = fromUrl;
  fromUrl = mode;
  applyTheme();
  return () => {
    fromUrl = before;
    applyTheme();
  };
}

/** Reads the URL's `theme`, paints it, and follows the system from then on. */
export function startTheme(): void {
  const wanted = new URLSearchParams(location.search).get('theme');
  fromUrl = wanted === 'dark' || wanted === 'light' ? wanted : undefined;
  applyTheme();
  system.addEventListener('change', applyTheme);
}

export function onThemeChange(listener: (mode: ThemeMode) => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function applyTheme(): void {
  const mode = currentTheme();
  if (document.documentElement.dataset.theme === mode) return;
  document.documentElement.dataset.theme = mode;
  for (const listener of listeners) listener(mode);
}
