// Requests to the query proxy: at most some at once, identical ones joined while they run, each with a deadline.
import { ownPage } from '../../own-page';
import type { Away } from '../contract';
import { type SourceKind, sourceNames } from '../sources';
import { awayFrom, describeError } from './answer-errors';
import { createLimiter } from './limiter';

/** What came back. `error` is one sentence; without it `data` is what the API wraps in its envelope. */
export interface Answer {
  url: string;
  status: number;
  durationMs: number;
  bytes: number;
  /** The body, cut after `rawLimit` characters. */
  raw: string;
  data?: unknown;
  error?: string;
  away?: Away;
  /** Warnings and infos of Prometheus and Loki. */
  notices: string[];
}

/** `path` is below the API's version: `query_range`. Resolves with every outcome but an abort by `signal`. */
export type SendRequest = (source: SourceKind, path: string, parameters: [string, string][], signal: AbortSignal) => Promise<Answer>;

export interface RequestSettings {
  /** Browsers open six connections to a host; two stay free for the page itself. */
  atOnce: number;
  /** Milliseconds from the first byte sent to the last received. The backend says how long it takes itself: see `data-layer.ts`. */
  deadlineMs: number;
  /** Times that a busy proxy is asked again, and the longest wait before each. */
  retries: number;
  longestWaitMs: number;
  rawLimit: number;
}

export const defaultRequestSettings: RequestSettings = { atOnce: 4, deadlineMs: 38_000, retries: 3, longestWaitMs: 5000, rawLimit: 1 << 20 };

/** Above this length a query travels in a form, because servers bound the length of an address. */
const longestAddress = 4000;

/** The settings are read anew at each request, but for `atOnce`. */
export function createRequests(fetch: typeof globalThis.fetch, settings: Readonly<RequestSettings> = defaultRequestSettings): SendRequest {
  const limiter = createLimiter(settings.atOnce);
  const running = new Map<string, { answer: Promise<Answer>; readers: number; abort: AbortController }>();

  return async (source, path, parameters, signal) => {
    signal.throwIfAborted();
    const url = `/api/v1/query/${source}/${path}?${new URLSearchParams(parameters)}`;
    let shared = running.get(url);
    if (!shared) {
      const abort = new AbortController();
      const answer = limiter
        .run(abort.signal, () => attempt(fetch, settings, source, url, abort.signal))
        .finally(() => running.get(url)?.abort === abort && running.delete(url));
      // Nobody may be left to hear of an abort.
      answer.catch(() => undefined);
      shared = { answer, readers: 0, abort };
      running.set(url, shared);
    }
    return follow(shared, signal, () => running.delete(url));
  };
}

/** The request ends when the last of those who wait for it gives up. */
function follow(shared: { answer: Promise<Answer>; readers: number; abort: AbortController }, signal: AbortSignal, forget: () => void): Promise<Answer> {
  shared.readers += 1;
  return new Promise((resolve, reject) => {
    const leave = (): void => {
      shared.readers -= 1;
      if (shared.readers === 0) {
        forget();
        shared.abort.abort(signal.reason);
      }
      reject(signal.reason as Error);
    };
    signal.addEventListener('abort', leave, { once: true });
    shared.answer.then(resolve, reject).finally(() => signal.removeEventListener('abort', leave));
  });
}

async function attempt(fetch: typeof globalThis.fetch, settings: RequestSettings, source: SourceKind, url: string, signal: AbortSignal): Promise<Answer> {
  for (let retry = 0; ; retry++) {
    const { answer, retryAfterMs } = await once(fetch, settings, source, url, signal);
    if (retryAfterMs === undefined || retry >= settings.retries) return answer;
    await wait(Math.min(retryAfterMs, settings.longestWaitMs), signal);
  }
}

async function once(fetch: typeof globalThis.fetch, settings: RequestSettings, source: SourceKind, url: string, signal: AbortSignal): Promise<{ answer: Answer; retryAfterMs?: number }> {
  const { deadlineMs } = settings;
  const deadline = new AbortController();
  const timer = setTimeout(() => deadline.abort(), deadlineMs);
  const cancel = (): void => deadline.abort(signal.reason);
  signal.addEventListener('abort', cancel, { once: true });
  const started = performance.now();
  const partial = { url, durationMs: 0, bytes: 0, raw: '', notices: [] as string[] };
  try {
    const response = await fetch(...fetchArguments(url, deadline.signal));
    const text = await response.text();
    const answer = readAnswer(source, response, text);
    const bytes = new TextEncoder().encode(text).length;
    const complete = { ...partial, ...answer, status: response.status, durationMs: performance.now() - started, bytes, raw: text.slice(0, settings.rawLimit) };
    return response.status === 503 ? { answer: complete, ...retryAfter(response) } : { answer: complete };
  } catch (error) {
    signal.throwIfAborted();
    const late = deadline.signal.aborted;
    const failed = { ...partial, status: 0, durationMs: performance.now() - started };
    if (late) return { answer: { ...failed, error: `${sourceNames[source]} did not answer within ${deadlineMs / 1000} seconds.` } };
    const away: Away = { source: 'viewer', code: 'viewer_unreachable' };
    return { answer: { ...failed, error: 'The server that serves this page does not answer.', away, raw: String(error) } };
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', cancel);
  }
}

function fetchArguments(url: string, signal: AbortSignal): [string, RequestInit] {
  const [path = '', query = ''] = url.split('?', 2);
  if (url.length <= longestAddress || !/\/query(_range)?$/.test(path)) return [url, { signal, headers: { ...ownPage, accept: 'application/json' } }];
  const headers = { ...ownPage, accept: 'application/json', 'content-type': 'application/x-www-form-urlencoded' };
  return [path, { signal, method: 'POST', headers, body: query }];
}

function readAnswer(source: SourceKind, response: Response, text: string): Pick<Answer, 'data' | 'error' | 'away' | 'notices'> {
  const name = sourceNames[source];
  if (!response.ok) return { error: describeError(name, response.status, text), ...awayFrom(source, text), notices: [] };
  let body: { status?: string; data?: unknown; warnings?: string[]; infos?: string[] };
  try {
    body = JSON.parse(text) as typeof body;
  } catch {
    return { error: `${name} answered something that is not JSON.`, notices: [] };
  }
  if (body.status !== 'success') return { error: describeError(name, response.status, text), notices: [] };
  return { data: body.data, notices: [...(body.warnings ?? []), ...(body.infos ?? [])] };
}

/** Only a refusal that says when to come back is worth another try. */
function retryAfter(response: Response): { retryAfterMs?: number } {
  const seconds = Number(response.headers.get('retry-after') ?? Number.NaN);
  return Number.isFinite(seconds) ? { retryAfterMs: seconds * 1000 } : {};
}

function wait(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      clearTimeout(timer);
      reject(signal.reason as Error);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', stop);
      resolve();
    }, milliseconds);
    signal.addEventListener('abort', stop, { once: true });
  });
}
